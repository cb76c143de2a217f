#include "op_table.hpp"

#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"

namespace unroll::tests {
namespace {

using V = Variable<double>;
using F = Variable<float>;

std::vector<F> as_float(const std::vector<V>& xs) {
  std::vector<F> ys;
  for (const V& x : xs) {
    ys.push_back(values<float>(x.shape(), list(x)));
    ys.back().requires_grad(x.requires_grad());
  }
  return ys;
}

std::string check_value(const Case& c, const V& y) {
  std::vector<Plain> plain(c.inputs.begin(), c.inputs.end());
  const Plain expected = c.reference(plain);
  if (y.shape() != expected.shape)
    return fmt::format("the shape is {}, not {}", y.shape().str(), expected.shape.str());
  // Sums of up to a few dozen terms and functions that err by a few units in the last place, 2e-16 each.
  const double error = distance(list(y), expected.x);
  return error < 1e-14 * 5 ? "" : fmt::format("the value is off by {:.3g}", error);
}

std::string check_accumulation(const Case& c, const V& seed, const std::vector<V>& expected) {
  std::vector<V> leaves;
  for (V x : c.inputs) {
    x.zero_grad();
    if (x.requires_grad()) leaves.push_back(x);
  }
  for (int pass = 1; pass <= 2; ++pass) {
    c.f(c.inputs).backward(seed);
    for (std::size_t k = 0; k < leaves.size(); ++k) {
      if (!leaves[k].has_grad()) return fmt::format("backward gives input {} nothing", k + 1);
      std::vector<double> sum = list(expected[k]);
      for (double& g : sum) g *= pass;
      if (!(distance(gradient_list(leaves[k]), sum) < 1e-13))  // two orders of a sum
        return fmt::format("{} backward passes do not add up for input {}", pass, k + 1);
    }
  }
  for (V& x : leaves) x.zero_grad();
  return "";
}

// Float has 2^29 times the rounding of double: 6e-8 for each of a few dozen operations, relative to the
// largest element of what is compared (sums may cancel).
bool close_in_float(const F& a, const V& b) {
  double largest = 1;
  for (double x : list(b)) largest = std::max(largest, std::abs(x));
  std::vector<double> x = list(a), y = list(b);
  for (double& v : x) v /= largest;
  for (double& v : y) v /= largest;
  return distance(x, y) < 2e-5;
}

std::string check_float(const Case& c, const V& y, const V& seed, const std::vector<V>& gradients) {
  const std::vector<F> inputs = as_float(c.inputs);
  const F z = c.f32(inputs);
  if (z.shape() != y.shape()) return "float32 gives another shape";
  if (!close_in_float(z, y)) return "float32 gives another value";
  if (!z.requires_grad()) return "";
  z.backward(as_float({seed})[0].detach());
  std::size_t k = 0;
  for (const F& x : inputs) {
    if (!x.requires_grad()) continue;
    if (!close_in_float(F(x.grad()), gradients[k++]))
      return fmt::format("float32 gives another gradient {}", k);
  }
  return "";
}

}  // namespace

const std::vector<Row>& op_table() {
  static const std::vector<Row> table = [] {
    std::vector<Row> rows = scalar_rows();
    for (Row& r : array_rows()) rows.push_back(std::move(r));
    return rows;
  }();
  return table;
}

std::string fault_of(const Row& row, const Case& c) {
  try {
    if (std::string wrong = check_value(c, c.f(c.inputs)); !wrong.empty()) return wrong;
    std::vector<V> leaves;
    for (const V& x : c.inputs)
      if (x.requires_grad()) leaves.push_back(x);
    if (leaves.empty()) return "";
    const GradcheckOptions options{.op = row.op};
    gradcheck(c.f, c.inputs, options);
    const V y = c.f(c.inputs);  // after the check, which moves the inputs
    if (!y.requires_grad()) return "no gradient is recorded";
    const V seed = random_parameter(y.shape(), 99, 0.5, 1.5).detach();
    const std::vector<V> gradients = grad(std::vector<V>{y}, leaves, {}, {seed});
    if (std::string wrong = check_accumulation(c, seed, gradients); !wrong.empty()) return wrong;
    if (std::string wrong = check_float(c, y, seed, gradients); !wrong.empty()) return wrong;
    if (c.second_order) gradgradcheck(c.f, c.inputs, options);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

}  // namespace unroll::tests
