#pragma once
/// \file One list of all ops, with what is to be checked of each. The tests and the mutants walk over it.
///
/// To add an op: its name in UNROLL_SCALAR_OPS (autograd/fused/scalar_op_list.hpp) or UNROLL_ARRAY_OPS below, and
/// its row; without the row the tests do not compile.

#include <functional>
#include <string>
#include <vector>

#include "random_program.hpp"
#include "unroll/detail/autograd/fused/compiled.hpp"

// clang-format off
#define UNROLL_ARRAY_OPS(X)                                                                        \
  X(matmul) X(linear) X(sum) X(mean) X(max) X(min) X(logsumexp) X(norm) X(softmax) X(log_softmax)  \
  X(cross_entropy) X(mse) X(binary_cross_entropy_with_logits) X(reshape) X(permute) X(transpose)   \
  X(slice) X(select) X(chunk) X(unbind) X(concat) X(stack) X(gather) X(scatter_add) X(embedding)   \
  X(one_hot) X(dropout) X(layer_norm) X(group_norm) X(rms_norm) X(l2_normalise) X(nll_loss)        \
  X(kl_div) X(l1_loss) X(huber_loss) X(gaussian_nll_loss) X(hinge_loss) X(cosine_embedding_loss)   \
  X(ctc_loss) X(custom) X(prod) X(var) X(cumsum) X(cumprod) X(sort) X(topk) X(tril) X(triu)        \
  X(flip) X(roll) X(pad) X(tile) X(unsqueeze) X(squeeze) X(split) X(outer) X(einsum)               \
  X(solve_triangular) X(linear_attention) X(linear_recurrence) X(selective_scan)            \
  X(causal_conv1d) X(max_plus_recurrence)
// clang-format on

namespace unroll::tests {

enum class ArrayOp {
#define UNROLL_ENUMERATE(name) name,
  UNROLL_ARRAY_OPS(UNROLL_ENUMERATE)
#undef UNROLL_ENUMERATE
};

template <class T>
using Op = std::function<Variable<T>(const std::vector<Variable<T>>&)>;

/// One use of an op: on inputs of certain shapes, with certain options.
struct Case {
  std::string label;
  Op<double> f;
  Op<float> f32;
  std::function<Plain(const std::vector<Plain>&)> reference;
  std::vector<Variable<double>> inputs;  ///< those that require a gradient have theirs checked
  bool second_order = true;
};

/// `op` is generic in the element type: op(inputs).
template <class F, class R>
Case make_case(std::string label, F op, R reference, std::vector<Variable<double>> inputs) {
  return {std::move(label), [op](const auto& in) { return Variable<double>(op(in)); },
          [op](const auto& in) { return Variable<float>(op(in)); }, std::move(reference), std::move(inputs)};
}

/// A call that must throw, with the beginning of its message.
struct Mistake {
  std::function<void()> call;
  std::string message;
};

struct Row {
  std::string op;
  std::vector<Case> cases;
  std::vector<Mistake> mistakes;
  int scalar = -1;              ///< number of a scalar op
  std::vector<bool> has_slope;  ///< of a scalar op: whether it has a derivative in each argument
};

const std::vector<Row>& op_table();

/// What is wrong with a case, or nothing: value against the reference, shape, first and second order against
/// differences, accumulation over two passes, float32 against float64.
std::string fault_of(const Row& row, const Case& c);

/// The parts of the table.
std::vector<Row> scalar_rows();
std::vector<Row> array_rows();

}  // namespace unroll::tests
