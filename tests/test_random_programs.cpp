#include <doctest/doctest.h>

#include <cstdlib>

#include "random_program.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/tape_stats.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

/// Writes a program step by step, running the plain interpreter along to know the shapes.
class Writer {
 public:
  explicit Writer(std::uint64_t seed) : random_(seed) {
    const index_t inputs = 1 + random_.below(3);
    for (index_t k = 0; k < inputs; ++k) add_input(random_shape());
    const index_t steps = 5 + random_.below(36);
    while (static_cast<index_t>(program.steps.size()) < steps) step();
    program.outputs.push_back(registers_.size() - 1);
    for (std::size_t k = 0; k + 1 < registers_.size(); ++k)
      if (chance(0.3)) program.outputs.push_back(k);
  }
  Program program;

 private:
  bool chance(double p) { return random_.uniform(0, 1) < p; }
  index_t extent() {
    const index_t choices[] = {1, 1, 2, 2, 3, 4, 6, 9, 20, 0};
    return choices[random_.below(chance(0.2) ? 10 : 7)];
  }
  Shape random_shape() {
    std::vector<index_t> e(static_cast<std::size_t>(random_.below(4)));
    for (index_t& x : e) x = extent();
    return Shape(e.begin(), e.end());
  }
  std::size_t add_input(const Shape& shape) {
    Plain x(shape);
    for (double& v : x.x) v = random_.uniform(-1, 1);
    // Inputs come first: renumber what stands already.
    const std::size_t at = program.inputs.size();
    const auto shift = [at](std::size_t& k) { k += k >= at; };
    for (Instruction& s : program.steps)
      for (std::size_t& k : s.in) shift(k);
    program.inputs.push_back(shape);
    registers_.insert(registers_.begin() + static_cast<std::ptrdiff_t>(at), std::move(x));
    return at;
  }
  std::size_t any() {
    return static_cast<std::size_t>(random_.below(static_cast<index_t>(registers_.size())));
  }
  // Recent registers are more likely, so that programs get deep.
  std::size_t recent() {
    const std::size_t n = registers_.size();
    return chance(0.6) ? n - 1 -
                             static_cast<std::size_t>(
                                 random_.below(static_cast<index_t>(std::min<std::size_t>(n, 4))))
                       : any();
  }
  const Shape& shape(std::size_t k) const { return registers_[k].shape; }
  template <class F>
  std::size_t find(F suits) {
    for (int k = 0; k < 8; ++k)
      if (const std::size_t r = any(); suits(shape(r))) return r;
    return ~std::size_t{0};
  }

  void emit(Do what, std::vector<std::size_t> in, std::vector<index_t> numbers = {}) {
    const Instruction s{what, std::move(in), std::move(numbers)};
    std::vector<Plain> ys = interpret(s, registers_);
    if (ys.empty()) return;
    for (const Plain& y : ys)
      if (y.shape.size() > 400) return;
    program.steps.push_back(s);
    bool large = false;
    for (Plain& y : ys) {
      for (double v : y.x) large = large || std::abs(v) > 3;
      registers_.push_back(std::move(y));
    }
    if (large) emit(Do::tanh, {registers_.size() - 1});
  }

  void step() {
    const index_t kind = random_.below(10);
    if (kind < 1) return emit(static_cast<Do>(random_.below(6)), {recent()});
    if (kind < 4) return combine();
    if (kind < 5) return reduce_or_multiply();
    if (kind < 6) return join();
    return view();
  }

  void combine() {
    const std::size_t a = recent();
    const auto fit = [&](const Shape& s) { return fits(s, shape(a)); };
    const std::size_t b = find(fit), c = find(fit);
    if (b == ~std::size_t{0}) return;
    const index_t what = random_.below(8);
    if (what == 7) return emit(Do::two_results, {a, b});
    if (what == 6 && c != ~std::size_t{0} && fits(shape(b), shape(c))) return emit(Do::gate, {a, b, c});
    emit(static_cast<Do>(static_cast<int>(Do::add) + what % 6),
         chance(0.5) ? std::vector{a, b} : std::vector{b, a});
  }

  void reduce_or_multiply() {
    std::size_t a = recent();
    const index_t what = random_.below(4);
    if (what == 0) {
      std::vector<index_t> numbers = {random_.below(2)};
      for (int axis = 0; axis < shape(a).rank(); ++axis)
        if (chance(0.5)) numbers.push_back(axis);
      return emit(shape(a).size() > 0 && chance(0.5) ? Do::mean : Do::sum, {a}, numbers);
    }
    if (what == 1) {
      if (shape(a).rank() != 2) return;
      const std::size_t b = find([&](const Shape& s) { return s.rank() == 2 && s[0] == shape(a)[1]; });
      if (b == ~std::size_t{0}) return;
      return emit(Do::matmul, {a, b});
    }
    if (shape(a).rank() < 1 || program.inputs.size() > 5) return;
    const index_t outputs = extent();
    const std::size_t bias = add_input({outputs});
    a += a >= bias;
    const std::size_t w = add_input({outputs, shape(a).back(0)});
    a += a >= w;
    if (what == 2) return emit(Do::linear, chance(0.5) ? std::vector{a, w, bias} : std::vector{a, w});
    const std::size_t b = find([&](const Shape& s) { return s == shape(a); });
    if (b == ~std::size_t{0}) return;
    emit(Do::two_linears, chance(0.5) ? std::vector{a, w, b, w, bias} : std::vector{a, w, b, w});
  }

  void join() {
    const std::size_t a = recent();
    const bool stacks = chance(0.4);
    if (!stacks && shape(a).rank() == 0) return;
    if (stacks && shape(a).rank() == Shape::max_rank) return;
    const int axis = static_cast<int>(random_.below(shape(a).rank() + (stacks ? 1 : 0)));
    std::vector<std::size_t> in = {a};
    for (int k = 0; k < 2; ++k) {
      const std::size_t b = find([&](const Shape& s) {
        return stacks ? s == shape(a)
                      : s.rank() == shape(a).rank() && s.with(axis, 0) == shape(a).with(axis, 0);
      });
      if (b != ~std::size_t{0}) in.push_back(b);
    }
    emit(stacks ? Do::stack : Do::concat, in, {axis});
  }

  void view() {
    const std::size_t a = recent();
    const Shape& s = shape(a);
    if (chance(0.2)) return emit(Do::reshape, {a}, cut(s.size()));
    if (s.rank() == 0) return;
    const int axis = static_cast<int>(random_.below(s.rank()));
    const index_t e = s[axis];
    switch (random_.below(6)) {
      case 0: {
        for (index_t parts : {3, 2, 1})
          if (e % parts == 0) return emit(Do::chunk, {a}, {axis, parts});
        return;
      }
      case 1:
        return e > 6 ? void() : emit(Do::unbind, {a}, {axis});
      case 2:
        return e == 0 ? void() : emit(Do::select, {a}, {axis, random_.below(e)});
      case 3: {
        std::vector<index_t> order(static_cast<std::size_t>(s.rank()));
        for (std::size_t k = 0; k < order.size(); ++k) order[k] = static_cast<index_t>(k);
        for (std::size_t k = order.size(); k > 1; --k)
          std::swap(order[k - 1], order[static_cast<std::size_t>(random_.below(static_cast<index_t>(k)))]);
        return emit(Do::permute, {a}, order);
      }
      default: {
        const index_t begin = random_.below(e + 1), end = begin + random_.below(e - begin + 1);
        if (chance(0.2) && end > begin)
          return emit(Do::strided, {a}, {axis, begin, end, 1 + random_.below(3)});
        return emit(Do::slice, {a}, {axis, begin, end});
      }
    }
  }

  // `size` elements under another shape.
  std::vector<index_t> cut(index_t size) {
    std::vector<index_t> extents;
    while (extents.size() < 3) {
      const index_t factor = 1 + random_.below(4);
      if (size % factor != 0) continue;
      extents.push_back(factor);
      size /= factor;
      if (chance(0.4)) break;
    }
    extents.push_back(size);
    return extents;
  }

  Random random_;
  std::vector<Plain> registers_;
};

/// Σ weights ⊙ outputs, and its slope along a direction by a central difference of fourth order: its error is
/// about step⁴ · f⁗ʹ + 1e-16 · f / step, 1e-11 for functions of this kind.
class Checker {
 public:
  Checker(const Program& program, std::uint64_t seed) : program_(program), random_(seed ^ 0xabcdef) {
    for (const Shape& s : program.inputs) inputs_.push_back(filled(s));
    registers_ = interpret(program, inputs_);
    for (std::size_t k : program.outputs) weights_.push_back(filled(registers_[k].shape));
  }

  /// What is wrong, or nothing.
  std::string run() {
    std::vector<V> leaves;
    for (const Plain& x : inputs_) leaves.push_back(values(x.shape, x.x));
    std::vector<V> r = leaves;
    for (const Instruction& s : program_.steps)
      for (V& y : execute(s, r)) r.push_back(std::move(y));
    // Rounding of up to 40 ops, each up to a few 1e-16 of values below about 10.
    for (std::size_t k = 0; k < r.size(); ++k) {
      if (r[k].shape() != registers_[k].shape)
        return fmt::format("r{} has the shape {}", k, r[k].shape().str());
      if (!(distance(list(r[k]), registers_[k].x) < 1e-12)) return fmt::format("the value of r{} differs", k);
    }
    V loss(0.0);
    for (std::size_t k = 0; k < weights_.size(); ++k)
      loss = loss + sum(r[program_.outputs[k]] * values(weights_[k].shape, weights_[k].x).detach());
    if (!loss.requires_grad()) return "";
    return check_gradients(loss, leaves, r);
  }

  /// The same of the second derivative along two directions: that of the gradient along one, by differences along the
  /// other.
  std::string run_second() {
    std::vector<Plain> along, across;
    for (const Plain& x : inputs_) along.push_back(filled(x.shape)), across.push_back(filled(x.shape));
    const auto slope = [&](const std::vector<V>& gradients) {
      V sum(0.0);
      for (std::size_t k = 0; k < gradients.size(); ++k)
        sum = sum + unroll::sum(gradients[k] * values(along[k].shape, along[k].x).detach());
      return sum;
    };
    const std::vector<V> leaves = leaves_at(across, 0);
    const V loss = loss_of(leaves);
    if (!loss.requires_grad()) return "";
    const V first = slope(grad<double>({loss}, leaves, {.create_graph = true}));
    double analytic = 0, scale = 0;
    if (first.requires_grad()) {
      const std::vector<V> second = grad<double>({first}, leaves);
      for (std::size_t k = 0; k < second.size(); ++k) {
        const std::vector<double> g = list(second[k]);
        for (std::size_t i = 0; i < g.size(); ++i)
          analytic += g[i] * across[k].x[i], scale += std::abs(g[i] * across[k].x[i]);
      }
    }
    const auto at = [&](double h) {
      const std::vector<V> moved = leaves_at(across, h);
      return slope(grad<double>({loss_of(moved)}, moved)).item();
    };
    constexpr double h = 5e-4;
    const double numeric = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
    if (std::abs(analytic - numeric) <= 1e-8 + 1e-6 * scale) return "";
    return fmt::format("the second derivative is {:.12g}, by differences {:.12g}", analytic, numeric);
  }

 private:
  std::vector<V> leaves_at(const std::vector<Plain>& direction, double h) const {
    std::vector<V> leaves;
    for (std::size_t k = 0; k < inputs_.size(); ++k) {
      std::vector<double> x = inputs_[k].x;
      for (std::size_t i = 0; i < x.size(); ++i) x[i] += h * direction[k].x[i];
      leaves.push_back(values(inputs_[k].shape, x));
    }
    return leaves;
  }

  V loss_of(const std::vector<V>& leaves) const {
    std::vector<V> r = leaves;
    for (const Instruction& s : program_.steps)
      for (V& y : execute(s, r)) r.push_back(std::move(y));
    V loss(0.0);
    for (std::size_t k = 0; k < weights_.size(); ++k)
      loss = loss + sum(r[program_.outputs[k]] * values(weights_[k].shape, weights_[k].x).detach());
    return loss;
  }

  Plain filled(const Shape& shape) {
    Plain x(shape);
    for (double& v : x.x) v = random_.uniform(-1, 1);
    return x;
  }

  double value(const std::vector<Plain>& inputs, std::size_t moved, const std::vector<double>& by) const {
    std::vector<Plain> r = inputs;
    const auto move = [&](std::size_t from) {
      for (std::size_t k = from; k < r.size(); ++k)
        if (k == moved)
          for (std::size_t i = 0; i < by.size(); ++i) r[k].x[i] += by[i];
    };
    move(0);
    for (const Instruction& s : program_.steps) {
      const std::size_t from = r.size();
      for (Plain& y : interpret(s, r)) r.push_back(std::move(y));
      move(from);
    }
    double sum = 0;
    for (std::size_t k = 0; k < weights_.size(); ++k)
      for (std::size_t i = 0; i < weights_[k].x.size(); ++i)
        sum += weights_[k].x[i] * r[program_.outputs[k]].x[i];
    return sum;
  }

  // The slope along `direction` of register `moved`.
  double slope(std::size_t moved, const std::vector<double>& direction) const {
    const auto at = [&](double h) {
      std::vector<double> by = direction;
      for (double& d : by) d *= h;
      return value(inputs_, moved, by);
    };
    constexpr double h = 5e-4;
    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
  }

  std::string check_slope(const char* what, std::size_t k, const std::vector<double>& gradient) {
    std::vector<double> direction(gradient.size());
    double analytic = 0, scale = 0;
    for (std::size_t i = 0; i < direction.size(); ++i) {
      direction[i] = random_.uniform(-1, 1);
      analytic += gradient[i] * direction[i];
      scale += std::abs(gradient[i] * direction[i]);
    }
    const double numeric = slope(k, direction);
    if (std::abs(analytic - numeric) <= 1e-8 + 1e-6 * scale) return "";
    return fmt::format("{} of r{}: the gradient gives {:.12g}, the differences {:.12g}", what, k, analytic,
                       numeric);
  }

  std::string check_gradients(const V& loss, const std::vector<V>& leaves, const std::vector<V>& r) {
    // A result somewhere in the middle, view or not, is asked for besides the leaves.
    std::vector<V> wanted = leaves;
    const auto middle = static_cast<std::size_t>(random_.below(static_cast<index_t>(r.size())));
    // (A slice of everything is the array itself, but two registers.)
    const auto same = std::count_if(r.begin(), r.end(), [&](const V& x) { return x.same_as(r[middle]); });
    if (same == 1 && r[middle].requires_grad()) wanted.push_back(r[middle]);
    const std::vector<V> recorded = grad<double>({loss}, wanted, {.create_graph = true});
    const std::vector<V> plain = grad<double>({loss}, wanted, {.retain_graph = true});
    std::string wrong;
    for (std::size_t k = 0; k < wanted.size() && wrong.empty(); ++k) {
      wrong = check_slope("grad()", k < leaves.size() ? k : middle, list(plain[k]));
      if (wrong.empty() && !(distance(list(recorded[k]), list(plain[k])) < 1e-11))  // two orders of summation
        wrong = fmt::format("the recorded gradient {} differs from the plain one", k);
    }
    if (!wrong.empty()) return wrong;
    for (int pass = 0; pass < 2; ++pass) loss.backward(pass == 0);
    for (std::size_t k = 0; k < leaves.size(); ++k) {
      if (!leaves[k].has_grad()) {
        if (distance(list(plain[k]), std::vector<double>(list(plain[k]).size())) != 0)
          return "a gradient is missing";
        continue;
      }
      std::vector<double> twice = list(plain[k]);
      for (double& g : twice) g *= 2;
      if (!(distance(gradient_list(leaves[k]), twice) < 1e-12))
        return fmt::format("backward of r{} differs", k);
    }
    return "";
  }

  const Program& program_;
  Random random_;
  std::vector<Plain> inputs_, registers_, weights_;
};

}  // namespace

namespace {

// UNROLL_RANDOM_PROGRAMS=10000 asks for more than what is done by default.
std::uint64_t programs(std::uint64_t by_default) {
  const char* const wanted = std::getenv("UNROLL_RANDOM_PROGRAMS");
  return wanted ? std::strtoull(wanted, nullptr, 10) : by_default;
}

// Runs a check of Checker on the programs 1 to `count`. Returns the number of their steps.
index_t check_programs(std::uint64_t count, std::string (Checker::*check)()) {
  index_t steps = 0;
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    const Program program = Writer(seed).program;
    steps += static_cast<index_t>(program.steps.size());
    std::string wrong;
    try {
      Checker checker(program, seed);
      wrong = (checker.*check)();
    } catch (const std::exception& error) {
      wrong = error.what();
    }
    if (!wrong.empty()) FAIL_CHECK("seed " << seed << ": " << wrong << "\n" << text_of(program));
  }
  return steps;
}

}  // namespace

TEST_CASE("random programs: values, gradients and recorded gradients of 1,000 are right") {
  const std::uint64_t count = programs(1000);
  CHECK(check_programs(count, &Checker::run) > static_cast<index_t>(15 * count));
  CHECK(tape_stats<double>().live == 0);
}

TEST_CASE("random programs: second derivatives of 200 are right") {
  const std::uint64_t count = programs(200);
  CHECK(check_programs(count, &Checker::run_second) > static_cast<index_t>(15 * count));
  CHECK(tape_stats<double>().live == 0);
}
