/// \file What where() hides does not come back by way of the gradient: a row whose whole incoming gradient is 0
/// contributes 0 to every gradient, whatever NaN or infinity it holds; any other row passes NaN on.

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "arrays.hpp"
#include "unroll/autograd/causal_conv1d.hpp"
#include "unroll/autograd/ctc_loss.hpp"
#include "unroll/autograd/cumulative.hpp"
#include "unroll/autograd/einsum.hpp"
#include "unroll/autograd/extremes.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/l2_normalise.hpp"
#include "unroll/autograd/likelihood_losses.hpp"
#include "unroll/autograd/linear.hpp"
#include "unroll/autograd/linear_recurrence.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/margin_losses.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/max_plus_recurrence.hpp"
#include "unroll/autograd/norm.hpp"
#include "unroll/autograd/normalise.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/prod.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/regression_losses.hpp"
#include "unroll/autograd/selective_scan.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/autograd/solve_triangular.hpp"
#include "unroll/autograd/sorting.hpp"
#include "unroll/autograd/variance.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;
constexpr double inf = std::numeric_limits<double>::infinity();
const double quiet_nan = std::nan("");

/// An op on the rows of x (2, 3), with other parameters perhaps.
struct RowOp {
  std::string name;
  std::function<V(const V& x, const std::vector<V>& parameters)> f;
  std::vector<Shape> parameters = {};
};

/// Ops whose gradient does not depend on the elements of x, or only (ctc_loss) on those of the targets.
bool has_finite_slopes(const std::string& name) {
  const std::vector<std::string> names = {
      "mean", "cumsum", "sort", "topk", "nll_loss", "ctc_loss", "max_plus_recurrence"};
  return std::ranges::find(names, name) != names.end();
}

std::vector<RowOp> row_ops() {
  using P = const std::vector<V>&;
  const Indices targets{1, 2};
  return {
      {"softmax", [](const V& x, P) { return softmax(x); }},
      {"log_softmax", [](const V& x, P) { return log_softmax(x); }},
      {"logsumexp", [](const V& x, P) { return logsumexp(x, -1, {.keepdims = true}); }},
      {"max", [](const V& x, P) { return max(x, -1, {.keepdims = true}); }},
      {"min", [](const V& x, P) { return min(x, -1, {.keepdims = true}); }},
      {"norm", [](const V& x, P) { return norm(x, -1, {.keepdims = true}); }},
      {"layer_norm", [](const V& x, P p) { return layer_norm(x, p[0], p[1]); }, {{3}, {3}}},
      {"cross_entropy",
       [=](const V& x, P) {
         return reshape(cross_entropy(x, targets, {.reduction = Reduction::none}), {2, 1});
       }},
      {"linear", [](const V& x, P p) { return V(linear(x, p[0], p[1])); }, {{4, 3}, {4}}},
      {"linear with a weight that is computed",
       [](const V& x, P p) { return V(linear(x, V(p[0] * 2))); },
       {{4, 3}}},
      {"linear after linear",
       [](const V& x, P p) { return V(linear(V(linear(x, p[0])), p[1])); },
       {{4, 3}, {2, 4}}},
      {"matmul", [](const V& x, P p) { return matmul(x, p[0]); }, {{3, 4}}},
      {"batched matmul",
       [](const V& x, P p) {
         return reshape(matmul(reshape(x, {1, 2, 3}), p[0]), {2, 4});
       },
       {{1, 3, 4}}},
      {"rms_norm", [](const V& x, P p) { return rms_norm(x, p[0]); }, {{3}}},
      {"group_norm", [](const V& x, P p) { return group_norm(x, 1, p[0], p[1]); }, {{3}, {3}}},
      {"l2_normalise", [](const V& x, P) { return l2_normalise(x); }},
      {"prod", [](const V& x, P) { return prod(x, -1, {.keepdims = true}); }},
      {"var", [](const V& x, P) { return var(x, -1, {.keepdims = true}); }},
      {"cumsum", [](const V& x, P) { return cumsum(x, -1); }},
      {"cumprod", [](const V& x, P) { return cumprod(x, -1); }},
      {"sort", [](const V& x, P) { return sort(x).values; }},
      {"topk", [](const V& x, P) { return topk(x, 2).values; }},
      {"einsum", [](const V& x, P p) { return einsum("ij,jk->ik", x, p[0]); }, {{3, 4}}},
      {"einsum by rows", [](const V& x, P p) { return einsum("ij,ijk->ik", x, p[0]); }, {{2, 3, 4}}},
      {"solve_triangular, its right side",
       [](const V& x, P p) {
         return reshape(
             solve_triangular(p[0] + V(values({3, 3}, {3, 0, 0, 0, 3, 0, 0, 0, 3})), reshape(x, {2, 3, 1})),
             {2, 3});
       },
       {{2, 3, 3}}},
      {"nll_loss",
       [=](const V& x, P) {
         return reshape(nll_loss(x, targets, {.reduction = Reduction::none}), {2, 1});
       }},
      {"kl_div",
       [](const V& x, P p) { return kl_div(x, V(exp(p[0])), {.reduction = Reduction::none}); },
       {{2, 3}}},
      {"huber_loss",
       [](const V& x, P p) { return huber_loss(x, p[0], {.reduction = Reduction::none}); },
       {{2, 3}}},
      {"l1_loss", [](const V& x, P p) { return l1_loss(x, p[0], {.reduction = Reduction::none}); }, {{2, 3}}},
      {"mse", [](const V& x, P p) { return mse(x, p[0], {.reduction = Reduction::none}); }, {{2, 3}}},
      {"gaussian_nll_loss",
       [](const V& x, P p) {
         return gaussian_nll_loss(x, p[0], V(exp(p[1])), {.reduction = Reduction::none});
       },
       {{2, 3}, {2, 3}}},
      {"cosine_embedding_loss",
       [](const V& x, P p) {
         return reshape(
             cosine_embedding_loss(x, p[0], values({2}, {1, 1}).detach(), {.reduction = Reduction::none}),
             {2, 1});
       },
       {{2, 3}}},
      {"ctc_loss",
       [](const V& x, P) {
         const V padded = concat<double>({reshape(x, {1, 2, 3}), V(log_softmax(V(Shape{1, 2, 3}, 0.0)))}, 0);
         return reshape(
             ctc_loss(padded, Indices({2, 1}, {1, 2}), {2, 2}, {1, 1}, {.reduction = Reduction::none}),
             {2, 1});
       }},
      {"solve_triangular, its matrix",
       [](const V& x, P p) {
         const V first = reshape(slice(x, 1, 0, 2), {2, 2, 1}),
                 matrices = concat<double>({first, V(first * 0.5 + 2)}, 2);
         return reshape(solve_triangular(matrices, p[0]), {2, 2});
       },
       {{2, 2, 1}}},
      {"linear_recurrence, what is added",
       [](const V& x, P p) {
         return transpose(linear_recurrence(p[0], transpose(x), V(Shape{2}, 0.0)).output);
       },
       {{3, 2}}},
      {"linear_recurrence, its decay",
       [](const V& x, P p) {
         return transpose(linear_recurrence(transpose(x), p[0], V(Shape{2}, 0.0)).output);
       },
       {{3, 2}}},
      {"linear_recurrence of complex numbers",
       [](const V& x, P p) {
         const ComplexPair<double> a{transpose(x), p[0]}, b{p[1], p[2]},
             h0{V(Shape{2}, 0.0), V(Shape{2}, 0.0)};
         return transpose(linear_recurrence(a, b, h0).output.re);
       },
       {{3, 2}, {3, 2}, {3, 2}}},
      {"max_plus_recurrence",
       [](const V& x, P p) {
         return transpose(max_plus_recurrence(p[0], transpose(x), V(Shape{2}, 0.0)).output);
       },
       {{3, 2}}},
      {"selective_scan, its input",
       [](const V& x, P p) {
         const V u = reshape(transpose(x), {3, 2, 1}), delta = V(square(p[0]));
         return transpose(reshape(selective_scan(u, delta, p[1], p[2], p[3]).output, {3, 2}));
       },
       {{3, 2, 1}, {1, 2}, {3, 2, 2}, {3, 2, 2}}},
      {"selective_scan, its steps",
       [](const V& x, P p) {
         const V delta = reshape(transpose(x), {3, 2, 1});
         return transpose(reshape(selective_scan(p[0], delta, p[1], p[2], p[3]).output, {3, 2}));
       },
       {{3, 2, 1}, {1, 2}, {3, 2, 2}, {3, 2, 2}}},
      {"causal_conv1d",
       [](const V& x, P p) {
         return transpose(
             reshape(causal_conv1d(reshape(transpose(x), {3, 2, 1}), p[0], p[1]).output, {3, 2}));
       },
       {{1, 2}, {1}}},
      {"relu beside another use",
       [](const V& x, P p) { return V(where(p[0] > 0.0, 1.0 - x, relu(x - 0.5))); },
       {{2, 3}}},
      {"mean", [](const V& x, P) { return mean(x, -1, {.keepdims = true}); }},
  };
}

/// The gradients of Σ c · where(keep the second row, f(x), 0), in x and in the parameters.
std::vector<V> gradients(const RowOp& op, const std::vector<double>& elements, bool create_graph) {
  const V x = values({2, 3}, elements);
  std::vector<V> leaves{x}, parameters;
  for (const Shape& shape : op.parameters) parameters.push_back(random_parameter(shape, 5));
  leaves.insert(leaves.end(), parameters.begin(), parameters.end());
  const V y = op.f(x, parameters), mask = values({2, 1}, {0, 1}).detach();
  V weights(Shape{1, y.shape().back(0)}, 0.0);
  for (index_t j = 0; j < weights.size(); ++j) weights.mutable_data()[j] = 1.0 + static_cast<double>(j);
  return grad<double>({sum(where(mask, y * weights, 0.0))}, leaves, {.create_graph = create_graph});
}

}  // namespace

TEST_CASE("idle rows: what where() hides contributes nothing, to the first and to recorded gradients") {
  const std::vector<std::vector<double>> bad = {
      {1, quiet_nan, 2}, {inf, 1, 2}, {-inf, inf, 0}, {inf, inf, inf}, {quiet_nan, quiet_nan, quiet_nan}};
  for (const RowOp& op : row_ops()) {
    for (const auto& hidden : bad) {
      for (bool create_graph : {false, true}) {
        CAPTURE(op.name);
        CAPTURE(create_graph);
        CAPTURE(hidden[0]);
        std::vector<double> with = hidden, without = {0.3, -0.2, 0.9};
        for (std::vector<double>* x : {&with, &without}) x->insert(x->end(), {1, 2, 3.5});
        const std::vector<V> got = gradients(op, with, create_graph),
                             want = gradients(op, without, create_graph);
        for (std::size_t k = 0; k < got.size(); ++k) {
          CAPTURE(k);
          CHECK(distance(list(got[k]), list(want[k])) == 0);
        }
        for (std::size_t j = 0; j < 3; ++j) CHECK(list(got[0])[j] == 0);
      }
    }
  }
}

TEST_CASE("idle rows: other rows pass NaN on") {
  for (const RowOp& op : row_ops()) {
    if (has_finite_slopes(op.name)) continue;
    CAPTURE(op.name);
    const std::vector<V> got = gradients(op, {1, 2, 3, 1, quiet_nan, 2}, false);
    bool any = false;
    for (const V& g : got)
      for (double d : list(g)) any = any || std::isnan(d);
    CHECK(any);
  }
}

TEST_CASE("idle rows: a recorded gradient may be differentiated where the hidden row is not finite") {
  for (const RowOp& op : row_ops()) {
    CAPTURE(op.name);
    const V x = values({2, 3}, {1, quiet_nan, 2, 1, 2, 3.5});
    std::vector<V> parameters;
    for (const Shape& shape : op.parameters) parameters.push_back(random_parameter(shape, 5));
    const V y = op.f(x, parameters), mask = values({2, 1}, {0, 1}).detach();
    const V first = grad(sum(where(mask, square(y), 0.0)), x, {.create_graph = true});
    const V used = first;
    if (!used.requires_grad()) continue;
    const std::vector<double> second = list(grad(sum(square(slice(used, 0, 1, 2))), x));
    for (double d : second) CHECK(std::isfinite(d));
  }
}

TEST_CASE("idle rows: logsumexp beside infinity") {
  const auto check = [](bool create_graph) {
    const V x = values({2, 3}, {100, inf, 2, 1000, inf, -inf});
    const std::vector<double> g = list(grad(sum(logsumexp(x, -1)), x, {.create_graph = create_graph}));
    CHECK(g[0] == 0);
    CHECK(g[2] == 0);
    CHECK(g[3] == 0);
    CHECK(g[5] == 0);
  };
  check(false);
  check(true);
  CHECK(logsumexp(values({2}, {1e308, inf})).item() == inf);
}
