#include <array>
#include <numbers>

#include "op_table.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/views.hpp"

namespace unroll::tests {
namespace {

using unroll::detail::ScalarOp;
using V = Variable<double>;

/// Where an argument is taken from: low … high, of either sign where `both`.
struct Range {
  double low, high;
  bool both = false;
  bool slope = true;  ///< whether the op has a derivative in it
};

/// How an op is called, what it should give, and on what. Each op of the library needs one.
template <ScalarOp op>
struct Scalar;

// Ranges keep away from kinks by more than the step of the differences.
#define UNROLL_SCALAR(op, call_, reference_, ...)                                    \
  template <>                                                                        \
  struct Scalar<ScalarOp::op> {                                                      \
    static auto call([[maybe_unused]] const auto& a, [[maybe_unused]] const auto& b, \
                     [[maybe_unused]] const auto& c) {                               \
      return call_;                                                                  \
    }                                                                                \
    static double reference([[maybe_unused]] double a, [[maybe_unused]] double b,    \
                            [[maybe_unused]] double c) {                             \
      return reference_;                                                             \
    }                                                                                \
    static std::vector<Range> ranges() { return {__VA_ARGS__}; }                     \
  };

constexpr Range any{0.2, 2, true}, positive{0.5, 3};
constexpr double pi = std::numbers::pi;

UNROLL_SCALAR(add, a + b, a + b, any, any)
UNROLL_SCALAR(sub, a - b, a - b, any, any)
UNROLL_SCALAR(mul, a* b, a* b, any, any)
UNROLL_SCALAR(div, a / b, a / b, any, any)
UNROLL_SCALAR(neg, -a, -a, any)
UNROLL_SCALAR(pow, pow(a, b), std::pow(a, b), positive, any)
UNROLL_SCALAR(exp, exp(a), std::exp(a), any)
UNROLL_SCALAR(log, log(a), std::log(a), positive)
UNROLL_SCALAR(sqrt, sqrt(a), std::sqrt(a), positive)
UNROLL_SCALAR(square, square(a), a* a, any)
UNROLL_SCALAR(abs, abs(a), std::abs(a), any)
UNROLL_SCALAR(tanh, tanh(a), std::tanh(a), any)
UNROLL_SCALAR(sigmoid, sigmoid(a), 1 / (1 + std::exp(-a)), any)
UNROLL_SCALAR(relu, relu(a), std::max(a, 0.0), any)
UNROLL_SCALAR(leaky_relu, unroll::detail::make_expr<unroll::detail::leaky_relu_op>(a, b), a > 0 ? a : b * a,
              any, any)
UNROLL_SCALAR(elu, unroll::detail::make_expr<unroll::detail::elu_op>(a, b), a > 0 ? a : b * std::expm1(a),
              any, any)
UNROLL_SCALAR(softplus, softplus(a), std::log1p(std::exp(a)), any)
UNROLL_SCALAR(silu, silu(a), a / (1 + std::exp(-a)), any)
UNROLL_SCALAR(gelu, gelu(a), a* std::erfc(-a / std::sqrt(2.0)) / 2, any)
UNROLL_SCALAR(gelu_tanh, gelu_tanh(a),
              a / 2 * (1 + std::tanh(std::sqrt(2 / pi) * (a + 0.044715 * a * a * a))), any)
UNROLL_SCALAR(mish, mish(a), a* std::tanh(std::log1p(std::exp(a))), any)
UNROLL_SCALAR(log1p, log1p(a), std::log1p(a), Range{-0.7, 2})
UNROLL_SCALAR(expm1, expm1(a), std::expm1(a), any)
UNROLL_SCALAR(erf, erf(a), std::erf(a), any)
UNROLL_SCALAR(erfc, erfc(a), std::erfc(a), any)
UNROLL_SCALAR(sign, sign(a), a > 0 ? 1.0 : -1.0, Range{0.2, 2, true, false})
UNROLL_SCALAR(floor, floor(a), std::floor(a), Range{0.2, 2, true, false})
UNROLL_SCALAR(round, round(a), std::nearbyint(a), Range{0.2, 2, true, false})
UNROLL_SCALAR(tan, tan(a), std::tan(a), Range{0.1, 1.2, true})
UNROLL_SCALAR(atan2, atan2(a, b), std::atan2(a, b), any, any)
UNROLL_SCALAR(root_one_minus_square,
              unroll::detail::make_expr<unroll::detail::root_one_minus_square_op>(a, b), std::sqrt(1 - a * a),
              Range{0.1, 0.8, true}, Range{1e-7, 1e-6, false, false})
UNROLL_SCALAR(root_one_minus_exp, unroll::detail::make_expr<unroll::detail::root_one_minus_exp_op>(a, b),
              std::sqrt(-std::expm1(2 * a)), Range{-2, -0.3}, Range{1e-7, 1e-6, false, false})
UNROLL_SCALAR(sin, sin(a), std::sin(a), any)
UNROLL_SCALAR(cos, cos(a), std::cos(a), any)
UNROLL_SCALAR(minimum, minimum(a, b), std::min(a, b), any, any)
UNROLL_SCALAR(maximum, maximum(a, b), std::max(a, b), any, any)
UNROLL_SCALAR(clamp, clamp(a, b, c), std::min(std::max(a, b), c), any, Range{-1.2, -0.8}, Range{0.8, 1.2})
UNROLL_SCALAR(where, where(a > 1.0, b, c), a > 1.0 ? b : c, Range{0.5, 1.5, false, false}, any, any)
UNROLL_SCALAR(lerp, lerp(a, b, c), a + c * (b - a), any, any, any)
UNROLL_SCALAR(greater, a > b, a > b ? 1.0 : 0.0, Range{0.2, 2, true, false}, Range{0.2, 2, true, false})
UNROLL_SCALAR(greater_equal, a >= b, a >= b ? 1.0 : 0.0, Range{0.2, 2, true, false},
              Range{0.2, 2, true, false})
UNROLL_SCALAR(equal, equal(a, b), a == b ? 1.0 : 0.0, Range{0.2, 2, true, false}, Range{0.2, 2, true, false})
#undef UNROLL_SCALAR

V drawn(const Shape& shape, const Range& range, std::uint64_t seed) {
  Random random(seed);
  std::vector<double> elements;
  for (index_t i = 0; i < shape.size(); ++i)
    elements.push_back(random.uniform(range.low, range.high) * (range.both && random.bits() % 2 ? -1 : 1));
  return values(shape, elements);
}

/// Shapes of the three arguments; chunked ones are the right half of an array twice as wide.
struct Pattern {
  const char* label;
  std::array<Shape, 3> shapes;
  bool chunked = false;
};

const std::vector<Pattern>& patterns() {
  static const std::vector<Pattern> all = {
      {"matrix", {Shape{3, 5}, {3, 5}, {3, 5}}},
      {"long rows", {Shape{2, 37}, {2, 37}, {2, 37}}},
      {"one element", {Shape{1}, {1}, {1}}},
      {"scalar", {Shape{}, {}, {}}},
      {"rank 5", {Shape{2, 1, 3, 1, 2}, {2, 1, 3, 1, 2}, {2, 1, 3, 1, 2}}},
      {"empty", {Shape{0, 4}, {0, 4}, {0, 4}}},
      {"views with gaps", {Shape{3, 4}, {3, 4}, {3, 4}}, true},
      {"row, column, scalar", {Shape{3, 5}, {5}, {3, 1}}},
      {"column, matrix, row", {Shape{3, 1}, {3, 5}, {5}}},
      {"scalar, row, matrix", {Shape{}, {1, 5}, {3, 5}}},
      {"row and column", {Shape{5}, {3, 1}, {}}},
      {"outer axes", {Shape{2, 3, 1, 2}, {3, 4, 1}, {2, 1, 1, 1}}},
      {"views of one column", {Shape{4, 1}, {4, 3}, {4, 1}}, true},
      {"empty and column", {Shape{3, 0}, {3, 1}, {1, 0}}},
  };
  return all;
}

template <ScalarOp op>
Case case_of(const Pattern& p) {
  const std::vector<Range> ranges = Scalar<op>::ranges();
  std::vector<V> inputs;
  for (std::size_t k = 0; k < ranges.size(); ++k) {
    const Shape& s = p.shapes[k];
    inputs.push_back(drawn(p.chunked ? s.with(s.rank() - 1, 2 * s.back(0)) : s, ranges[k],
                           100 * static_cast<std::uint64_t>(op) + k + 1));
  }
  const bool chunked = p.chunked;
  const auto right = [chunked](const auto& x) { return chunked ? chunk<2>(x)[1] : x; };
  const auto f = [right](const auto& in) {
    using X = std::decay_t<decltype(in[0])>;
    const auto at = [&](std::size_t k) {
      return in.size() > k ? right(in[k]) : X(typename X::value_type{0});
    };
    return X(Scalar<op>::call(at(0), at(1), at(2)));
  };
  const auto reference = [chunked](const std::vector<Plain>& in) {
    Shape shape;
    std::vector<Shape> shapes;
    for (const Plain& x : in) {
      shapes.push_back(chunked ? x.shape.with(x.shape.rank() - 1, x.shape.back(0) / 2) : x.shape);
      shape = broadcast("reference", shape, shapes.back());
    }
    Plain y(shape);
    for (index_t i = 0; i < shape.size(); ++i) {
      double a[3] = {};
      for (std::size_t k = 0; k < in.size(); ++k) {
        std::vector<index_t> index = unravel(shape, i);
        if (chunked) index.back() = index.back() % shapes[k].back(0) + shapes[k].back(0);
        a[k] = in[k][ravel(in[k].shape, index)];
      }
      y[i] = Scalar<op>::reference(a[0], a[1], a[2]);
    }
    return y;
  };
  return make_case(p.label, f, reference, std::move(inputs));
}

template <ScalarOp op>
Row row_of(const char* name) {
  Row row{name, {}, {}, static_cast<int>(op), {}};
  for (const Range& r : Scalar<op>::ranges()) row.has_slope.push_back(r.slope);
  for (const Pattern& p : patterns()) row.cases.push_back(case_of<op>(p));
  const auto call = [](const V& a, const V& b) { return V(Scalar<op>::call(a, b, b)); };
  // where's own call compares first.
  const char* first = op == ScalarOp::where ? "greater" : name;
  row.mistakes.push_back(
      {[call] { call(V(), V()); }, fmt::format("{}: an argument is an empty Variable", first)});
  if (row.has_slope.size() > 1)
    row.mistakes.push_back({[call] {
                              call(V(Shape{2, 3}, 1), V(Shape{4}, 1));
                            },
                            fmt::format("{}: shapes do not broadcast; got ", name)});
  return row;
}

}  // namespace

std::vector<Row> scalar_rows() {
  return {
#define UNROLL_ROW(name) row_of<ScalarOp::name>(#name),
      UNROLL_SCALAR_OPS(UNROLL_ROW)
#undef UNROLL_ROW
  };
}

}  // namespace unroll::tests
