/// \file What the ops inside a fused expression compute, for observers: one op at a time, on a stretch of a
/// row.

#include <algorithm>
#include <bit>

#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/detail/autograd/fused/walk.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

namespace unroll::detail {

thread_local constinit Observer* Observer::innermost = nullptr;

namespace {

constexpr index_t stretch = 64;

/// What is known of a step's values in a stretch.
struct Seen {
  std::uint64_t bad = 0;     ///< one bit for each value
  std::uint64_t inputs = 0;  ///< of the expression: what goes into the step
};

template <class T>
std::uint64_t bad_values(const T* values, index_t n) {
  std::uint64_t bad = 0;
  for (index_t i = 0; i < n; ++i) bad |= std::uint64_t{AnomalyMode::bad(values[i])} << i;
  return bad;
}

/// Runs an expression op by op.
template <class T>
class Inspection {
 public:
  Inspection(const FusedCode<T>& code, const T* numbers, OpVisitor& visitor)
      : code_(code), numbers_(numbers), visitor_(visitor), values_(code.step_count * stretch) {}

  /// n columns; in[k] points at input k, whose elements are `masks[k] & j` apart.
  void run(const T* const* in, const index_t* masks, index_t n) {
    int number = 0;
    fold_steps<Result>(code_, [&](int at, std::span<const Result> arguments) {
      const CodeStep& step = code_.steps[at];
      T* const to = values_.data() + at * stretch;
      if (step.kind == CodeStep::Kind::op) return Result{to, compute(step.op, arguments, to, n, number++)};
      if (step.kind == CodeStep::Kind::number) {
        std::fill_n(to, n, numbers_[step.index]);
        return Result{to, {bad_values(to, n), 0}};
      }
      for (index_t j = 0; j < n; ++j) to[j] = in[step.index][j & masks[step.index]];
      return Result{to, {bad_values(to, n), std::uint64_t{1} << step.index}};
    });
  }

 private:
  struct Result {
    const T* values = nullptr;
    Seen seen = {};
  };

  Seen compute(ScalarOp op, std::span<const Result> arguments, T* to, index_t n, int number) {
    const T* row[max_op_arity];
    Seen given;
    for (std::size_t k = 0; k < arguments.size(); ++k) {
      row[k] = arguments[k].values;
      given.bad |= arguments[k].seen.bad;
      given.inputs |= arguments[k].seen.inputs;
    }
    forward_columns<T>(code_of<T>(op), nullptr, all_along.data(), row, n, &to);
    const std::uint64_t bad = bad_values(to, n);
    double shown[stretch];
    std::copy_n(to, n, shown);
    visitor_.visit({op, number, given.inputs, {shown, static_cast<std::size_t>(n)}, (bad & ~given.bad) != 0});
    const bool squashes = op == ScalarOp::sigmoid || op == ScalarOp::tanh;
    return {bad, squashes ? 0 : given.inputs};
  }

  const FusedCode<T>& code_;
  const T* numbers_;
  OpVisitor& visitor_;
  std::vector<T> values_;
};

}  // namespace

ColumnBlock common_block(std::uint64_t inputs, std::span<const ColumnBlock> blocks) {
  ColumnBlock common;
  for (; inputs != 0; inputs &= inputs - 1) {
    const ColumnBlock& b = blocks[static_cast<std::size_t>(std::countr_zero(inputs))];
    if (b.is_whole()) continue;
    if (!common.is_whole() && !(b == common)) return {};
    common = b;
  }
  return common;
}

template <class T>
void inspect_code(const FusedCode<T>& code, const T* numbers, Tensor<T>* const* inputs, const Shape& shape,
                  OpVisitor& visitor) {
  Layout layouts[max_fused_inputs];
  Lane lanes[max_fused_inputs];
  const T* in[max_fused_inputs];
  index_t masks[max_fused_inputs];
  for (int k = 0; k < code.inputs; ++k) layouts[k] = layout_of(*inputs[k]);
  const Loop loop = plan_loop(shape, {layouts, code.inputs}, lanes);
  if (loop.cols == 0) return;
  for (int k = 0; k < code.inputs; ++k) masks[k] = lanes[k].mask;
  Inspection<T> inspection(code, numbers, visitor);
  for_slabs(loop, [&](const index_t* index) {
    for (index_t r = 0; r < loop.rows; ++r) {
      for (index_t j = 0; j < loop.cols; j += stretch) {
        for (int k = 0; k < code.inputs; ++k)
          in[k] = inputs[k]->data + outer_offset(loop, lanes[k], index) + r * lanes[k].row + (j & masks[k]);
        inspection.run(in, masks, std::min(stretch, loop.cols - j));
      }
    }
  });
}

UNROLL_COMPILE_FUNCTIONS(inspect_code)

}  // namespace unroll::detail
