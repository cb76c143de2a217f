#pragma once  // internal
/// \file How a cell of the library becomes a layer that the library compiles: one line below the cell.
///
///     UNROLL_LAYER(Lstm, LstmCell)           the class Lstm<T>, made from (input, hidden, options, rng)
///     UNROLL_COMPILED_CELL(ElmanCell, Tanh)  below a class that is written out: for ElmanCell<T, Tanh>
///
/// Either declares the cell and its Recurrent for float and double, and cmake/UnrollLayers.cmake, which reads these
/// lines, has them compiled. Each stands on one line of a header of layers/recurrent, from its first column on.
///
/// The cell's `step` is [[gnu::noinline]]: inlined into a user's file, its loops would be compiled by the flags of that
/// file, and their speed and last bits would depend on what the compiler happens to inline.

#include "unroll/layers/recurrent.hpp"

#define UNROLL_LAYER(Layer, Cell)                                              \
  template <class T = float>                                                   \
  class Layer : public Recurrent<Cell<T>> {                                    \
   public:                                                                     \
    Layer() = default;                                                         \
    Layer(index_t input, index_t hidden, const RecurrentOptions& options = {}, \
          Generator& rng = default_generator())                                \
        : Recurrent<Cell<T>>(input, hidden, options, rng) {}                   \
  };                                                                           \
  UNROLL_COMPILED_CELL(Cell)

#define UNROLL_COMPILED_CELL(Cell, ...) UNROLL_CELL_FOR_BOTH(extern template, Cell, __VA_ARGS__)
#define UNROLL_COMPILE_CELL(Cell, ...) UNROLL_CELL_FOR_BOTH(template, Cell, __VA_ARGS__)

#define UNROLL_CELL_FOR_BOTH(declare, Cell, ...)                   \
  declare struct Cell<float __VA_OPT__(, ) __VA_ARGS__>;           \
  declare struct Cell<double __VA_OPT__(, ) __VA_ARGS__>;          \
  declare class Recurrent<Cell<float __VA_OPT__(, ) __VA_ARGS__>>; \
  declare class Recurrent<Cell<double __VA_OPT__(, ) __VA_ARGS__>>;
