#pragma once  // internal
/// \file A fused expression as the library sees it: two loops, compiled where it is written, and its ops as
/// data. All else about it is compiled once, here, for every expression.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "unroll/autograd/variable.hpp"
#include "unroll/detail/autograd/fused/observer.hpp"
#include "unroll/detail/autograd/fused/scalar_op_list.hpp"

namespace unroll::detail {

/// Where the gradient of one input goes.
template <class T>
struct Sink {
  T* data;       ///< null where no gradient is wanted; the others are undefined then
  index_t mask;  ///< −1 walks along the columns; 0 stays, for what sums a block up
  bool add;
};

/// A step of an expression in postfix notation: an input, a number, or an op on the latest results.
struct CodeStep {
  enum class Kind : std::uint8_t { input, number, op };
  Kind kind;
  ScalarOp op;
  std::uint16_t index;  ///< of the input or the number
};

inline constexpr int max_fused_inputs = 64, max_fused_outputs = 16;

/// Masks of lanes that all walk along the columns.
inline constexpr auto all_along = [] {
  std::array<index_t, max_fused_inputs> masks{};
  masks.fill(-1);
  return masks;
}();

/// What is known of an expression when its file is compiled.
template <class T>
struct FusedCode {
  /// Some columns, in whole blocks: input k is read from row[k], output m goes to out[m].
  using Forward = void(const T* numbers, const index_t* masks, const T* const* row, index_t cols,
                       T* const* out);
  /// The adjoints of the inputs from out_grad[m], null where there is none.
  using Backward = void(const T* numbers, const index_t* masks, const T* const* row, index_t cols,
                        const T* const* out_grad, const Sink<T>* sinks);
  Forward* forward;
  Backward* backward;
  std::string_view op_name;  ///< of the outermost op; "fuse" for several outputs, or without an op
  const CodeStep* steps;     ///< of all outputs, one after the other
  std::uint16_t step_count;
  std::uint16_t first_root;  ///< the step that makes the first output
  std::uint16_t inputs, numbers, outputs;
  std::uint16_t width;  ///< of a block, which one iteration of the loops computes

  /// The whole expression: "tanh(add(x, x))".
  std::string name() const;
};

/// Runs over the steps of an expression: f(step number, results of its arguments) gives the result of a step.
/// Returns those of the outputs.
template <class R, class T, class F>
std::vector<R> fold_steps(const FusedCode<T>& code, F&& f) {
  std::vector<R> results;  // that no op has used, the latest last
  for (int at = 0; at < code.step_count; ++at) {
    const CodeStep& step = code.steps[at];
    const std::size_t arity = step.kind == CodeStep::Kind::op ? facts_of(step.op).arity : 0;
    const std::span<R> arguments(results.data() + results.size() - arity, arity);
    R result = f(at, arguments);
    results.resize(results.size() - arity);
    results.push_back(std::move(result));
  }
  return results;
}

/// The library's own expression of one op on inputs.
template <class T>
const FusedCode<T>& code_of(ScalarOp op);

/// Computes the outputs of an expression over `inputs`, which broadcast to `shape`, and records the node
/// where a gradient may be asked for.
/// Errors: UsageError.
template <class T>
void run_code(const FusedCode<T>& code, const T* numbers, Tensor<T>* const* inputs, const Shape& shape,
              Variable<T>* outputs);

/// The adjoints of the inputs as recorded ops, from those of the outputs (empty where there is none).
template <class T>
std::vector<Variable<T>> record_code_backward(const FusedCode<T>& code, const T* numbers,
                                              std::span<const Variable<T>> inputs,
                                              std::span<const Variable<T>> dy);

/// Computes an expression again, op by op, and shows `visitor` what every op computes, in stretches of a row.
/// The fused loop may round a product and a sum once where this rounds them twice.
template <class T>
void inspect_code(const FusedCode<T>& code, const T* numbers, Tensor<T>* const* inputs, const Shape& shape,
                  OpVisitor& visitor);
/// Shows an expression in this way to the observers. In anomaly mode throws where an op made a bad value, or an input
/// holds one that comes out
/// (anomaly.cpp). `node` is null where nothing was recorded.
template <class T>
void inspect_fused(const Node<T>* node, const FusedCode<T>& code, const T* numbers, Tensor<T>* const* inputs,
                   std::span<const Variable<T>> outputs);

}  // namespace unroll::detail
