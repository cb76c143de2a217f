#include "unroll/autograd/gradcheck.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "unroll/detail/autograd/core/grad_or_zeros.hpp"

namespace unroll {
namespace {

using detail::CheckedFunction;
using Doubles = std::vector<Variable<double>>;
using Values = std::vector<std::vector<double>>;

// Weights of either sign, none near 0: what they weigh cannot hide.
class Weights {
 public:
  explicit Weights(std::uint64_t seed) : random_(seed) {}
  double next() {
    const double u = static_cast<double>(random_() >> 11) * 0x1p-53;
    return u < 0.5 ? -0.5 - 2 * u : 2 * u - 0.5;
  }
  Variable<double> like(const Variable<double>& y) {
    auto v = Variable<double>::uninitialised(y.shape());
    std::generate_n(v.tensor()->data, v.size(), [this] { return next(); });
    return v;
  }

 private:
  std::mt19937_64 random_;
};

std::vector<double> values_of(const Variable<double>& x) {
  const auto v = x.value();
  return {v.begin(), v.end()};
}

Values values_of(const Doubles& ys) {
  Values values;
  for (const Variable<double>& y : ys) values.push_back(values_of(y));
  return values;
}

// f(inputs).
// Errors: UsageError naming a result that cannot be compared.
Doubles outputs_of(const CheckedFunction& f, const Doubles& inputs) {
  Doubles outputs = f(inputs);
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    if (!outputs[k]) raise<UsageError>("gradcheck: the function's result {} is an empty Variable", k + 1);
    const auto y = outputs[k].value();
    if (std::any_of(y.begin(), y.end(), [](double v) { return std::isnan(v); }))
      raise<UsageError>("gradcheck: the function's result {} is NaN at the inputs", k + 1);
  }
  return outputs;
}

std::string op_name(const Doubles& ys, const GradcheckOptions& options) {
  if (!options.op.empty()) return options.op;
  for (const Variable<double>& y : ys)
    if (!y.is_leaf()) return y.tensor()->creator->name();
  return "f";
}

std::vector<index_t> index_of(const Shape& shape, index_t flat) {
  std::vector<index_t> index(static_cast<std::size_t>(shape.rank()));
  for (int k = shape.rank() - 1; k >= 0; --k) {
    index[static_cast<std::size_t>(k)] = flat % shape[k];
    flat /= shape[k];
  }
  return index;
}

std::string text_of(const std::vector<index_t>& index) {
  std::string text;
  for (index_t i : index) text += (text.empty() ? "" : ", ") + std::to_string(i);
  return "(" + text + ")";
}

// x[i] moved for as long as this lives.
class Moved {
 public:
  Moved(Variable<double> x, index_t i, double to) : x_(std::move(x)), i_(i), before_(x_.data()[i]) {
    set(to);
  }
  ~Moved() { set(before_); }
  Moved(const Moved&) = delete;
  Moved& operator=(const Moved&) = delete;

 private:
  void set(double to) {
    x_.update([&](auto&) { x_.tensor()->data[i_] = to; });
  }
  Variable<double> x_;
  index_t i_;
  double before_;
};

[[noreturn]] void fail_unasked() {
  raise<UsageError>("gradcheck: no input requires a gradient; call requires_grad(true) on those to check");
}

/// One comparison of a recorded function's gradients with differences of `value`.
class Check {
 public:
  Check(const CheckedFunction& value, const Doubles& inputs, std::string op, const GradcheckOptions& options)
      : value_(value), inputs_(inputs), op_(std::move(op)), options_(options) {
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      if (!inputs[k].requires_grad()) continue;
      if (!inputs[k].is_leaf())
        raise<UsageError>("gradcheck: inputs[{}] is the result of an op; give its copy() as a parameter", k);
      checked_.push_back(k);
    }
    if (checked_.empty()) fail_unasked();
  }

  /// outputs: recorded from the inputs.
  void run(const Doubles& outputs) {
    const std::vector<Doubles> weights = cotangents(outputs);
    std::vector<Values> analytic;
    for (const Doubles& c : weights) analytic.push_back(values_of(gradients(outputs, c, weights.size() > 1)));
    compare_all(weights, [&](std::size_t n, index_t i, std::size_t c) {
      return analytic[c][n][static_cast<std::size_t>(i)];
    });
  }

  /// The same for the products of forward mode with each element.
  void run_forward(const CheckedFunction& f, const Doubles& outputs) {
    Doubles tangents;
    for (const Variable<double>& x : inputs_) tangents.emplace_back(x.shape(), 0.0);
    const std::vector<Doubles> weights = cotangents(outputs);
    Values product;
    compare_all(weights, [&](std::size_t n, index_t i, std::size_t c) {
      if (c == 0) {
        double& moved = tangents[checked_[n]].tensor()->data[i];
        moved = 1;
        product = values_of(run_jvp(f, inputs_, tangents, {}).products);
        moved = 0;
      }
      return weigh(product, weights[c]);
    });
  }

 private:
  std::vector<Doubles> cotangents(const Doubles& outputs) const {
    if (options_.full) return unit_cotangents(outputs);
    Weights weights(options_.seed);
    std::vector<Doubles> one(1);
    for (const Variable<double>& y : outputs) one[0].push_back(weights.like(y));
    return one;
  }

  // analytic(n, i, c): the derivative by element i of the n-th input checked, under the c-th weights.
  template <class F>
  void compare_all(const std::vector<Doubles>& weights, F&& analytic) const {
    for (std::size_t n = 0; n < checked_.size(); ++n) {
      const Variable<double>& x = inputs_[checked_[n]];
      for (index_t i = 0; i < x.size(); ++i) {
        const Values slope = difference(x, i);
        for (std::size_t c = 0; c < weights.size(); ++c)
          compare(checked_[n], i, analytic(n, i, c), weigh(slope, weights[c]));
      }
    }
  }

  static std::vector<Doubles> unit_cotangents(const Doubles& outputs) {
    std::vector<Doubles> all;
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      for (index_t i = 0; i < outputs[k].size(); ++i) {
        Doubles unit;
        for (const Variable<double>& y : outputs) unit.emplace_back(y.shape(), 0.0);
        unit[k].tensor()->data[i] = 1;
        all.push_back(std::move(unit));
      }
    }
    return all;
  }

  Doubles gradients(const Doubles& outputs, const Doubles& cotangents, bool retain) const {
    Doubles wanted;
    for (std::size_t k : checked_) wanted.push_back(inputs_[k]);
    return detail::grad_or_zeros(outputs, wanted, {.retain_graph = retain, .create_graph = false},
                                 cotangents);
  }

  // (f(x + h) − f(x − h)) / 2h for every element of the outputs.
  Values difference(const Variable<double>& x, index_t i) const {
    const double at = x.data()[i], h = options_.step * std::max(1.0, std::abs(at));
    const auto value_at = [&](double to) {
      const Moved moved(x, i, to);
      return values_of(value_(inputs_));
    };
    const double above = at + h, below = at - h;
    Values slope = value_at(above);
    const Values low = value_at(below);
    for (std::size_t k = 0; k < slope.size(); ++k)
      for (std::size_t j = 0; j < slope[k].size(); ++j)
        slope[k][j] = (slope[k][j] - low[k][j]) / (above - below);
    return slope;
  }

  static double weigh(const Values& slope, const Doubles& cotangents) {
    double sum = 0;
    for (std::size_t k = 0; k < slope.size(); ++k)
      for (std::size_t j = 0; j < slope[k].size(); ++j)
        if (const double c = cotangents[k].data()[j]; c != 0) sum += c * slope[k][j];
    return sum;
  }

  void compare(std::size_t input, index_t i, double analytic, double numeric) const {
    const double allowed =
        options_.absolute + options_.relative * std::max(std::abs(analytic), std::abs(numeric));
    if (std::abs(analytic - numeric) <= allowed) return;  // false for NaN
    const Variable<double>& x = inputs_[input];
    const std::vector<index_t> element = index_of(x.shape(), i);
    GradcheckError error(fmt::format(
        "gradcheck: {}: inputs[{}] {}{}{}, element {}: the gradient is {:.10g}, the differences say {:.10g} "
        "(seed {})",
        op_, input, x.name(), x.name().empty() ? "" : " ", x.shape().str(), text_of(element), analytic,
        numeric, options_.seed));
    error.op = op_;
    error.input = input;
    error.element = element;
    error.analytic = analytic;
    error.numeric = numeric;
    error.seed = options_.seed;
    throw error;
  }

  CheckedFunction value_;
  const Doubles& inputs_;
  std::string op_;
  const GradcheckOptions& options_;
  std::vector<std::size_t> checked_;
};

bool same(const Values& a, const Values& b, double relative) {
  for (std::size_t k = 0; k < a.size(); ++k) {
    for (std::size_t j = 0; j < a[k].size(); ++j) {
      const double x = a[k][j], y = b[k][j];
      if (x == y || (std::isnan(x) && std::isnan(y))) continue;
      if (!(std::abs(x - y) <= relative * std::max({1.0, std::abs(x), std::abs(y)}))) return false;
    }
  }
  return true;
}

void check_steady(const CheckedFunction& f, const Doubles& inputs, const Doubles& outputs,
                  const GradcheckOptions& options) {
  if (same(values_of(outputs), values_of(f(inputs)), 0)) return;
  raise<UsageError>("gradcheck: {} gives different values for the same inputs; fix its random numbers",
                    op_name(outputs, options));
}

}  // namespace

void gradcheck(const CheckedFunction& f, const Doubles& inputs, const GradcheckOptions& options) {
  const Doubles outputs = outputs_of(f, inputs);
  Check check(f, inputs, op_name(outputs, options), options);
  check_steady(f, inputs, outputs, options);
  check.run(outputs);
}

void jvpcheck(const CheckedFunction& f, const Doubles& inputs, const GradcheckOptions& options) {
  const Doubles outputs = outputs_of(f, inputs);
  Check check(f, inputs, "forward mode of " + op_name(outputs, options), options);
  check_steady(f, inputs, outputs, options);
  check.run_forward(f, outputs);
}

void gradgradcheck(const CheckedFunction& f, const Doubles& inputs, const GradcheckOptions& options) {
  Doubles all = inputs, wanted;
  const Doubles outputs = outputs_of(f, inputs);
  Weights weights(options.seed ^ 0x9e3779b97f4a7c15u);  // others than those of the check itself
  for (const Variable<double>& y : outputs) all.push_back(weights.like(y).requires_grad(true));
  for (const Variable<double>& x : inputs)
    if (x.requires_grad()) wanted.push_back(x);
  if (wanted.empty()) fail_unasked();  // not left to the check, which counts the seeds among its inputs
  const auto first_order = [&](const Doubles& in, bool record) {
    const Doubles seeds(in.begin() + static_cast<std::ptrdiff_t>(inputs.size()), in.end());
    const Doubles ys = f({in.begin(), in.begin() + static_cast<std::ptrdiff_t>(inputs.size())});
    return detail::grad_or_zeros(ys, wanted, {.retain_graph = false, .create_graph = record}, seeds);
  };
  const auto value = [&](const Doubles& in) { return first_order(in, false); };
  const std::string op = "second order of " + op_name(outputs, options);
  Check check(value, all, op, options);
  const Doubles recorded = first_order(all, true);
  // Two orders of summation of the same terms.
  if (!same(values_of(recorded), values_of(value(all)), 1e-11)) {
    GradcheckError error(fmt::format(
        "gradcheck: {}: the recorded gradient differs from the plain one (seed {})", op, options.seed));
    error.op = op;
    error.seed = options.seed;
    throw error;
  }
  check.run(recorded);
}

namespace {

using Checking = void (*)(const CheckedFunction&, const Doubles&, const GradcheckOptions&);
bool passes(Checking check, const CheckedFunction& f, const Doubles& inputs,
            const GradcheckOptions& options) {
  try {
    check(f, inputs, options);
  } catch (const GradcheckError&) {
    return false;
  }
  return true;
}

}  // namespace

bool passes_gradcheck(const CheckedFunction& f, const Doubles& inputs, const GradcheckOptions& options) {
  return passes(gradcheck, f, inputs, options);
}
bool passes_gradgradcheck(const CheckedFunction& f, const Doubles& inputs, const GradcheckOptions& options) {
  return passes(gradgradcheck, f, inputs, options);
}
bool passes_jvpcheck(const CheckedFunction& f, const Doubles& inputs, const GradcheckOptions& options) {
  return passes(jvpcheck, f, inputs, options);
}

}  // namespace unroll
