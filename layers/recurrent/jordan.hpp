#pragma once
/// \file The Jordan layer: `Jordan jordan(I, H, O);`.

#include "unroll/layers/jordan_cell.hpp"
#include "unroll/layers/recurrent.hpp"

namespace unroll {

/// See Recurrent, JordanCell and teacher_forced(). `auto [y, last] = jordan(x);` runs on its own outputs.
template <class T = float, Activation<T> F = Tanh>
class Jordan : public Recurrent<JordanCell<T, F>> {
 public:
  Jordan() = default;
  Jordan(index_t input, index_t hidden, index_t output, const RecurrentOptions& options = {},
         Generator& rng = default_generator(), const F& activation = F{})
      : Recurrent<JordanCell<T, F>>(
            input,
            [&](index_t size) {
              return JordanCell<T, F>(size, hidden, output, options.bias, rng, activation);
            },
            options, rng) {}
};

extern template class Recurrent<JordanCell<float, Tanh>>;
extern template class Recurrent<JordanCell<double, Tanh>>;

}  // namespace unroll
