#include "op_table_rows.hpp"
#include "unroll/autograd/extremes.hpp"
#include "unroll/autograd/norm.hpp"
#include "unroll/autograd/prod.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/autograd/variance.hpp"
#include "unroll/autograd/views.hpp"

namespace unroll::tests {
namespace {

// A reduction over every set of axes that makes a difference, on views and empty arrays too.
template <class F, class R>
std::vector<Case> reductions(F op, R reference, bool of_nothing) {
  std::vector<Case> cases;
  const auto add = [&](std::string label, const Shape& shape, const Axes& axes, bool keep) {
    cases.push_back(make_case(std::move(label), [=](const auto& xs) { return op(xs[0], axes, keep); },
                              folded(axes, keep, reference), {in(shape, 3)}));
  };
  add("all", {3, 4}, {}, false);
  add("last", {3, 40}, {-1}, false);
  add("first", {3, 4}, {0}, false);
  add("middle, kept", {2, 3, 4}, {1}, true);
  add("outer two", {2, 3, 4}, {0, 2}, false);
  add("all, kept", {2, 3}, {}, true);
  add("rank 5", {2, 3, 1, 2, 2}, {1, -2}, false);
  add("one element", {1}, {}, false);
  add("scalar", {}, {}, false);
  add("empty result", {0, 3}, {1}, false);
  if (of_nothing) add("of nothing", {3, 0}, {1}, false);
  cases.push_back(make_case(
      "view with gaps", [=](const auto& xs) { return op(chunk<2>(xs[0])[1], {0}, false); },
      [=](const Ps& xs) { return folded({0}, false, reference)({right_half(xs[0])}); }, {in({3, 8}, 3)}));
  return cases;
}

template <class F>
std::vector<Mistake> axis_mistakes(const std::string& op, F call) {
  return {{[=] {
             call(V(Shape{2, 3}, 1), Axes{2});
           },
           op + ": axis 2 is outside an array of rank 2"},
          {[=] {
             call(V(Shape{2, 3}, 1), Axes{0, -2});
           },
           op + ": axis -2 is named twice"},
          {[=] { call(V(), Axes{}); }, op + ": argument 1 is an empty Variable"}};
}

template <class F, class R>
Row softmax_row(std::string name, F op, R change) {
  Row row{name, {}, {}, -1, {}};
  const std::pair<Shape, int> shapes[] = {{{3, 5}, -1}, {{3, 5}, 0}, {{2, 3, 4}, 1},       {{1}, 0},
                                          {{37}, 0},    {{0, 4}, 1}, {{2, 1, 3, 2, 2}, 2}, {{3, 1}, 1},
                                          {{3, 0}, 1}};
  for (const auto& [shape, axis] : shapes)
    row.cases.push_back(make_case(
        shape.str(), [op, axis = axis](const auto& xs) { return op(xs[0], axis); },
        [change, axis = axis](const Ps& xs) { return along(xs[0], axis, change); }, {in(shape, 4, -3, 3)}));
  row.cases.push_back(make_case(
      "view with gaps", [op](const auto& xs) { return op(chunk<2>(xs[0])[1], -1); },
      [change](const Ps& xs) { return along(right_half(xs[0]), -1, change); }, {in({3, 8}, 4)}));
  row.mistakes = {{[op] {
                     op(V(Shape{2, 3}, 1), 2);
                   },
                   name + ": axis 2 is outside an array of rank 2"},
                  {[op] { op(V(), 0); }, name + ": argument 1 is an empty Variable"}};
  return row;
}

}  // namespace

Row row_of(Tag<ArrayOp::sum>) {
  const auto op = [](const auto& x, const Axes& a, bool keep) { return sum(x, a, {keep}); };
  return {"sum",
          reductions(
              op, [](const auto& x) { return std::accumulate(x.begin(), x.end(), 0.0); }, true),
          axis_mistakes("sum", [](const V& x, const Axes& a) { sum(x, a); }),
          -1,
          {}};
}

Row row_of(Tag<ArrayOp::mean>) {
  const auto op = [](const auto& x, const Axes& a, bool keep) { return mean(x, a, {keep}); };
  const auto reference = [](const auto& x) {
    return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
  };
  Row row{"mean",
          reductions(op, reference, false),
          axis_mistakes("mean", [](const V& x, const Axes& a) { mean(x, a); }),
          -1,
          {}};
  row.mistakes.push_back({[] { mean(V(Shape{2, 0}, 1)); }, "mean: (2, 0) has no elements"});
  return row;
}

Row row_of(Tag<ArrayOp::max>) {
  const auto op = [](const auto& x, const Axes& a, bool keep) { return max(x, a, {keep}); };
  return {"max",
          reductions(
              op, [](const auto& x) { return *std::max_element(x.begin(), x.end()); }, false),
          axis_mistakes("max", [](const V& x, const Axes& a) { max(x, a); }),
          -1,
          {}};
}

Row row_of(Tag<ArrayOp::min>) {
  const auto op = [](const auto& x, const Axes& a, bool keep) { return min(x, a, {keep}); };
  return {"min",
          reductions(
              op, [](const auto& x) { return *std::min_element(x.begin(), x.end()); }, false),
          axis_mistakes("min", [](const V& x, const Axes& a) { min(x, a); }),
          -1,
          {}};
}

Row row_of(Tag<ArrayOp::logsumexp>) {
  const auto op = [](const auto& x, const Axes& a, bool keep) { return logsumexp(x, a, {keep}); };
  return {"logsumexp",
          reductions(
              op, [](const auto& x) { return log_sum(x); }, true),
          axis_mistakes("logsumexp", [](const V& x, const Axes& a) { logsumexp(x, a); }),
          -1,
          {}};
}

Row row_of(Tag<ArrayOp::norm>) {
  const auto op = [](const auto& x, const Axes& a, bool keep) { return norm(x, a, {keep}); };
  const auto reference = [](const auto& x) {
    return std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0));
  };
  return {"norm",
          reductions(op, reference, true),
          axis_mistakes("norm", [](const V& x, const Axes& a) { norm(x, a); }),
          -1,
          {}};
}

Row row_of(Tag<ArrayOp::softmax>) {
  return softmax_row(
      "softmax", [](const auto& x, int axis) { return softmax(x, axis); },
      [](std::vector<double>& x, std::size_t) {
        const double total = log_sum(x);
        for (double& v : x) v = std::exp(v - total);
      });
}

Row row_of(Tag<ArrayOp::log_softmax>) {
  return softmax_row(
      "log_softmax", [](const auto& x, int axis) { return log_softmax(x, axis); },
      [](std::vector<double>& x, std::size_t) {
        const double total = log_sum(x);
        for (double& v : x) v -= total;
      });
}

Row row_of(Tag<ArrayOp::prod>) {
  const auto op = [](const auto& x, const Axes& a, bool keep) { return prod(x, a, {keep}); };
  const auto reference = [](const auto& x) {
    return std::accumulate(x.begin(), x.end(), 1.0, std::multiplies<>());
  };
  return {"prod",
          reductions(op, reference, true),
          axis_mistakes("prod", [](const V& x, const Axes& a) { prod(x, a); }),
          -1,
          {}};
}

Row row_of(Tag<ArrayOp::var>) {
  const auto reference = [](double correction) {
    return [correction](const auto& x) {
      const auto n = static_cast<double>(x.size());
      const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
      double squares = 0;
      for (double v : x) squares += (v - mean) * (v - mean);
      return squares / (n - correction);
    };
  };
  const auto op = [](const auto& x, const Axes& a, bool keep) {
    return var(x, a, {.correction = 0, .keepdims = keep});
  };
  Row row{"var",
          reductions(op, reference(0), false),
          axis_mistakes("var", [](const V& x, const Axes& a) { var(x, a); }),
          -1,
          {}};
  row.cases.push_back(make_case("by n - 1", [](const auto& xs) { return var(xs[0], 1); },
                                folded({1}, false, reference(1)), {in({3, 40, 2}, 3)}));
  row.cases.push_back(make_case("another correction",
                                [](const auto& xs) {
                                  return var(xs[0], {0, 2}, {.correction = -0.5, .keepdims = true});
                                },
                                folded({0, 2}, true, reference(-0.5)), {in({3, 4, 2}, 3)}));
  row.mistakes.push_back(
      {[] {
         var(V(Shape{2, 1}, 1), 1);
       },
       "var: 1 elements over the axes of (2, 1) and correction 1 leave nothing to divide by"});
  row.mistakes.push_back({[] { var(V(Shape{2, 0}, 1), 1, {.correction = 0}); }, "var: 0 elements "});
  return row;
}

}  // namespace unroll::tests
