#pragma once  // internal
/// \file The steps of a loop as a program: the kernels of one step in order, and what each of them reads and writes.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "unroll/autograd/precision.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/fused/code.hpp"

namespace unroll::detail {

/// Something that a step reads or writes: its input, a value that the step before has carried on to it, a value that
/// it computes, or what is the same in all steps.
struct LoopPlace {
  enum class Kind : std::uint8_t { input, before, value, constant };
  Kind kind = Kind::constant;
  std::size_t number = 0;
  bool operator==(const LoopPlace&) const = default;
};

/// One op of a step.
template <class T>
struct LoopKernel {
  enum class Kind : std::uint8_t { fused, affine, parts };
  /// x Wᵀ + b by the numbers of the inputs; b is 0 where there is none.
  struct Term {
    std::size_t x, w, b;
    bool operator==(const Term&) const = default;
  };
  static constexpr std::size_t unused = ~std::size_t{0};

  Kind kind = Kind::fused;
  Ref<Node<T>> node;  ///< of the step that was taken down
  std::vector<LoopPlace> in;
  std::vector<std::size_t> out;  ///< values; `unused` where nobody reads one
  index_t size = 0;              ///< of each output; of parts, that of the whole
  const FusedCode<T>* code = nullptr;
  std::vector<T> numbers;
  std::vector<char> reshaped = {};  ///< fused: which inputs have as many elements in another shape
  bool has_addend = false;          ///< affine: input 0 is what the products are added to,
  bool shares_gradient = false;     ///< and the output's gradient lies in its gradient
  std::vector<Term> terms = {};
  Precision precision = Precision::float32;  ///< affine
};

/// A value that a step computes.
struct LoopValue {
  Shape shape;
  std::optional<LoopPlace> whole = {};  ///< that it is a part of
  index_t offset = 0;                   ///< in the whole
};

/// Made by LoopRecorder; then immutable.
template <class T>
struct LoopProgram {
  Shape input;
  std::vector<LoopKernel<T>> kernels;
  std::vector<LoopValue> values;
  std::vector<TensorRef<T>> constants;
  std::vector<std::size_t> carried;  ///< values that the next step reads as `before`, without repetition
  std::vector<std::size_t> members;  ///< of the state: which of `carried` each is
  std::size_t output = 0;            ///< which of `carried` the loop puts out

  const Shape& shape_of(const LoopPlace& place) const {
    switch (place.kind) {
      case LoopPlace::Kind::input:
        return input;
      case LoopPlace::Kind::before:
        return values[carried[place.number]].shape;
      case LoopPlace::Kind::value:
        return values[place.number].shape;
      case LoopPlace::Kind::constant:
        break;
    }
    return constants[place.number]->shape;
  }
  index_t size_of(const LoopPlace& place) const { return shape_of(place).size(); }
  /// Where a place lies in the input, if it is the input or a part of it.
  std::optional<index_t> offset_in_input(const LoopPlace& place) const {
    if (place.kind == LoopPlace::Kind::input) return 0;
    if (place.kind != LoopPlace::Kind::value) return {};
    const LoopValue& value = values[place.number];
    if (!value.whole || value.whole->kind != LoopPlace::Kind::input) return {};
    return value.offset;
  }
  /// The widest batch of its expressions: what is read and written a batch at a time has this much room.
  index_t width() const {
    index_t most = 1;
    for (const LoopKernel<T>& k : kernels)
      if (k.code) most = std::max<index_t>(most, k.code->width);
    return most;
  }
  /// A line for each kernel.
  std::string str() const;
};

}  // namespace unroll::detail
