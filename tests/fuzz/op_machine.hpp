#pragma once
/// \file A machine whose program is bytes: each is an op with whatever arguments, which computes or refuses.

#include <algorithm>
#include <array>
#include <climits>
#include <cmath>
#include <limits>
#include <vector>

#include "fuzz.hpp"
#include "unroll/autograd/creation.hpp"
#include "unroll/autograd/dropout.hpp"
#include "unroll/autograd/extremes.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/norm.hpp"
#include "unroll/autograd/normalise.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/pool_stats.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/autograd/views.hpp"

namespace unroll::fuzz {

/// Arrays that are kept have at most so many elements: three of them broadcast to 2¹⁸.
inline constexpr index_t most_elements = 64;
/// No array has so many, and each refuses to.
inline constexpr index_t absurd = index_t{1} << 55;

/// Arguments out of bytes.
class Arguments : public Bytes {
 public:
  using Bytes::Bytes;

  double number() {
    using Limits = std::numeric_limits<float>;
    constexpr std::array odd = {0.0,
                                -0.0,
                                1e-30,
                                1e30,
                                double(Limits::max()),
                                double(Limits::denorm_min()),
                                1e300,
                                HUGE_VAL,
                                -HUGE_VAL,
                                std::numeric_limits<double>::quiet_NaN(),
                                -1e-300,
                                88.8};
    const int b = byte();
    return b < 240 ? (b - 120) / 16.0 : odd[static_cast<std::size_t>(b - 240) % odd.size()];
  }
  index_t extent() {
    constexpr std::array<index_t, 8> odd = {16, 17, 33, -1, absurd, INT64_MAX, INT64_MIN, INT64_MAX / 8};
    const int b = byte();
    return b < 200 ? b % 9 : odd[static_cast<std::size_t>(b) % odd.size()];
  }
  /// An index, a bound or a step.
  index_t index() {
    const index_t place = extent();
    return byte() % 2 ? place : ~place;
  }
  int axis() {
    const int b = byte();
    return b < 250 ? b % 12 - 6 : b % 2 ? INT_MAX : INT_MIN;
  }
  std::vector<int> axes() {
    std::vector<int> all(byte() % 7);
    for (int& a : all) a = axis();
    return all;
  }
  Shape shape() {
    std::vector<index_t> extents(byte() % 7);
    for (auto& e : extents) e = extent();
    return Shape(extents.begin(), extents.end());
  }
  Indices indices() {
    const Shape s = shape();
    std::vector<std::int64_t> values(static_cast<std::size_t>(s.size() > most_elements ? 1 : s.size()));
    for (auto& value : values) value = index();
    return {s, std::move(values)};
  }
};

template <class T>
class Machine {
 public:
  using V = Variable<T>;

  explicit Machine(std::string_view input) : in_(input) {}
  virtual ~Machine() = default;

  void run() {
    for (int steps = 0; steps < 64 && !in_.empty(); ++steps) try {
        step();
      } catch (const Error&) {
      }
    try {
      backward();
    } catch (const Error&) {
    }
  }

 protected:
  const V& any() {
    static const V none;
    return values_.empty() ? none : values_[in_.byte() % values_.size()];
  }
  void keep(V result) {
    if (!result || result.size() > most_elements) return;
    if (values_.size() < 16)
      values_.push_back(std::move(result));
    else
      values_[in_.byte() % values_.size()] = std::move(result);
  }
  void keep(std::vector<V> results) {
    for (auto& result : results) keep(std::move(result));
  }

  void leaf() {
    const Shape shape = in_.shape();
    index_t rows = 1;  // without elements there may still be many, of which a product makes elements
    for (index_t extent : shape) rows *= std::max<index_t>(1, extent);
    if (std::max(shape.size(), rows) > most_elements && rows < absurd) return;
    V x(shape, T{1});
    for (index_t k = 0; k < x.size(); ++k) x.mutable_data()[k] = static_cast<T>(in_.number());
    x.requires_grad(in_.byte() % 4 > 0);
    keep(std::move(x));
  }
  void made() {
    const double begin = in_.number(), end = in_.number(), by = in_.number(), count = (end - begin) / by;
    if (!(count > most_elements && count < double(absurd)))
      keep(arange<T>(static_cast<T>(begin), static_cast<T>(end), static_cast<T>(by)));
  }

  // clang-format off
  V unary(const V& x) {
    switch (in_.below(15)) {
      case 0: return exp(x);
      case 1: return log(x);
      case 2: return sqrt(x);
      case 3: return square(x);
      case 4: return abs(x);
      case 5: return tanh(x);
      case 6: return sigmoid(x);
      case 7: return relu(x);
      case 8: return softplus(x);
      case 9: return sin(x);
      case 10: return cos(x);
      case 11: return -x;
      case 12: return leaky_relu(x, in_.number());
      case 13: return elu(x, in_.number());
      default: return sigmoid(x) * tanh(x) + exp(x);
    }
  }
  V binary() {
    const V a = any(), b = any();  // one after another: with every compiler an input means the same
    switch (in_.below(10)) {
      case 0: return a + b;
      case 1: return a - b;
      case 2: return a * b;
      case 3: return a / b;
      case 4: return pow(a, b);
      case 5: return minimum(a, b);
      case 6: return maximum(a, b);
      case 7: return a > b;
      case 8: return equal(a, b);
      default: return sigmoid(a) * b + a * T(2);
    }
  }
  V ternary() {
    const V a = any(), b = any(), c = any();
    switch (in_.below(3)) {
      case 0: return clamp(a, b, c);
      case 1: return where(a, b, c);
      default: return lerp(a, b, c);
    }
  }
  V view(const V& x) {
    switch (in_.below(7)) {
      case 0: {
        const int axis = in_.axis();
        const index_t begin = in_.index(), end = in_.index();
        return slice(x, axis, begin, end, in_.index());
      }
      case 1: {
        const int axis = in_.axis();
        return select(x, axis, in_.index());
      }
      case 2: return reshape(x, in_.shape());
      case 3: return permute(x, in_.axes());
      case 4: {
        const int axis = in_.axis();
        return transpose(x, axis, in_.axis());
      }
      case 5: return transpose(x);
      default: return dense(x);
    }
  }
  void parts(const V& x) {
    const index_t count = in_.index();
    const int axis = in_.axis();
    if (in_.byte() % 2)
      keep(chunk(x, count, axis));
    else
      keep(unbind(x, axis));
  }
  V join() {
    std::vector<V> some(in_.byte() % 5);
    for (auto& x : some) x = any();
    return in_.byte() % 2 ? concat(some, in_.axis()) : stack(some, in_.axis());
  }
  V look_up(const V& x) {
    const Indices indices = in_.indices();
    switch (in_.below(4)) {
      case 0: return gather(x, indices, in_.axis());
      case 1: {
        const index_t extent = in_.extent();
        return scatter_add(x, indices, extent, in_.axis());
      }
      case 2: return embedding(x, indices, in_.byte() % 2 ? std::optional(in_.index()) : std::nullopt);
      default: return one_hot<T>(indices, in_.extent());
    }
  }
  V reduce(const V& x) {
    const Axes axes = in_.axes();
    const ReduceOptions options{.keepdims = in_.byte() % 2 == 1};
    switch (in_.below(6)) {
      case 0: return sum(x, axes, options);
      case 1: return mean(x, axes, options);
      case 2: return max(x, axes, options);
      case 3: return min(x, axes, options);
      case 4: return logsumexp(x, axes, options);
      default: return norm(x, axes, options);
    }
  }
  V row_wise(const V& x) {
    switch (in_.below(4)) {
      case 0: return softmax(x, in_.axis());
      case 1: return log_softmax(x, in_.axis());
      case 2: {
        const V gamma = any(), beta = any();
        return layer_norm(x, gamma, beta, in_.number());
      }
      default: return dropout(x, in_.number(), RandomKey{});
    }
  }
  V product() {
    const V a = any(), b = any();
    const int which = in_.below(4);
    const V c = which > 1 ? any() : V();
    switch (which) {
      case 0: return matmul(a, b);
      case 1: return linear(a, b);
      case 2: return linear(a, b, c);
      default: return c + linear(a, b) + linear(c, b);
    }
  }
  V loss(const V& a) {
    const auto reduction = static_cast<Reduction>(in_.below(3));
    switch (in_.below(3)) {
      case 0: {
        const Indices targets = in_.indices();
        const index_t ignored = in_.index();
        return cross_entropy(a, targets, {.ignore_index = ignored, .reduction = reduction, .label_smoothing = in_.number()});
      }
      case 1: return mse(a, any(), reduction);
      default: return binary_cross_entropy_with_logits(a, any(), reduction);
    }
  }
  void change(V x) {
    switch (in_.below(7)) {
      case 0: return keep(x.detach());
      case 1: return keep(x.copy());
      case 2: x.requires_grad(in_.byte() % 2 == 1); return;
      case 3: return x.zero_grad();
      case 4: x.retain_grad(); return;
      case 5:
        if (x.size() > 0) x.mutable_data()[0] = static_cast<T>(in_.number());
        return;
      default: return x.backward(in_.byte() % 2 == 1);
    }
  }

  virtual void step() {
    switch (in_.below(14)) {
      case 0:
      case 1: return leaf();
      case 2: return made();
      case 3: return keep(unary(any()));
      case 4: return keep(binary());
      case 5: return keep(ternary());
      case 6: return keep(view(any()));
      case 7: return parts(any());
      case 8: return keep(join());
      case 9: return keep(look_up(any()));
      case 10: return keep(reduce(any()));
      case 11: return keep(in_.byte() % 2 ? row_wise(any()) : loss(any()));
      case 12: return keep(product());
      default: return change(any());
    }
  }
  // clang-format on

  void backward() {
    V total(T{0});
    for (const V& x : values_) total = total + sum(x);
    if (total.requires_grad()) total.backward();
    for (const V& x : values_)
      if (x.is_leaf() && x.has_grad())
        require(std::ssize(x.grad()) == x.size(), "a gradient has as many elements as its leaf");
  }

  Arguments in_;
  std::vector<V> values_;
};

/// The gradient of Σ (w x)² for a matrix and a vector whose products are small whole numbers.
template <class T>
void check_gradient() {
  const auto w = Variable<T>::from({2, 2}, {1, 2, 3, 4}).requires_grad(true);
  const auto x = Variable<T>::from({2, 1}, {1, -1}).requires_grad(true);
  const Variable<T> y = sum(square(matmul(w, x)));
  y.backward();
  const auto equal = [](const T* got, std::vector<T> wanted) {
    return std::equal(wanted.begin(), wanted.end(), got);
  };
  require(y.item() == T{2}, "a small product is right");
  require(equal(w.grad().data(), {-2, 2, -2, 2}), "the gradient of a matrix is right");
  require(equal(x.grad().data(), {-8, -12}), "the gradient of a vector is right");
}

/// Runs M<T> on the bytes, and requires that nothing is left behind.
template <class T, class M>
void run_machine(std::string_view input) {
  const auto in_use = pool_stats().in_use;
  M(input).run();
  require(tape_stats<T>().live == 0, "the tape has no nodes when all results are gone");
  require(pool_stats().in_use <= in_use, "arrays are given back when all results are gone");
  check_gradient<T>();
}

/// In float or double, as the first byte says.
template <template <class> class M>
void run_either(std::string_view input) {
  if (input.empty()) return;
  if (input[0] % 2)
    run_machine<float, M<float>>(input.substr(1));
  else
    run_machine<double, M<double>>(input.substr(1));
}

}  // namespace unroll::fuzz
