#include "unroll/autograd/cumulative.hpp"

#include <algorithm>

#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll {
namespace detail {
namespace {

/// A walk along the middle axis of an array (outer, extent, inner).
struct AxisWalk {
  index_t outer, extent, inner;
  bool reverse;

  AxisWalk(const Shape& shape, int axis, bool backwards)
      : outer(shape.product(0, axis)),
        extent(shape[axis]),
        inner(shape.product(axis + 1, shape.rank())),
        reverse(backwards) {}
  AxisWalk reversed() const {
    AxisWalk w = *this;
    w.reverse = !reverse;
    return w;
  }

  /// For each line along the axis: from state = `start` on step(place, state), in the order of the walk.
  template <class Step>
  void operator()(double start, Step&& step) const {
    if (outer * extent * inner == 0) return;  // one of them may be huge
    if (inner == 1) return walk_one(start, step);
    constexpr index_t tile = 256;  // lines side by side
    double state[tile];
    for (index_t o = 0; o < outer; ++o) {
      for (index_t begin = 0; begin < inner; begin += tile) {
        const index_t n = std::min(tile, inner - begin);
        std::fill_n(state, n, start);
        for (index_t k = 0; k < extent; ++k) {
          const index_t at = (o * extent + (reverse ? extent - 1 - k : k)) * inner + begin;
          for (index_t j = 0; j < n; ++j) step(at + j, state[j]);
        }
      }
    }
  }

 private:
  template <class Step>
  void walk_one(double start, Step& step) const {
    for (index_t o = 0; o < outer; ++o) {
      double state = start;
      const index_t first = o * extent, last = first + extent - 1;
      for (index_t k = 0; k < extent; ++k) step(reverse ? last - k : first + k, state);
    }
  }
};

template <class T>
void put(T& to, double value, bool add) {
  to = static_cast<T>(add ? static_cast<double>(to) + value : value);
}

// a slope, which is 0 where d is, whatever a is
double times_slope(double a, double d) { return d == 0 ? 0 : a * d; }

template <class T>
void running_sum(const AxisWalk& walk, bool exclusive, const T* x, T* y, bool add) {
  if (exclusive) {
    walk(0, [=](index_t i, double& sum) {
      const auto term = static_cast<double>(x[i]);
      put(y[i], sum, add);
      sum += term;
    });
  } else {
    walk(0, [=](index_t i, double& sum) { put(y[i], sum += static_cast<double>(x[i]), add); });
  }
}

template <class T, class To>
void running_product(const AxisWalk& walk, bool exclusive, const T* x, To* y) {
  if (exclusive) {
    walk(1, [=](index_t i, double& product) {
      y[i] = static_cast<To>(product);
      product *= static_cast<double>(x[i]);
    });
  } else {
    walk(1,
         [=](index_t i, double& product) { y[i] = static_cast<To>(product *= static_cast<double>(x[i])); });
  }
}

template <class T>
class CumsumNode final : public Node<T> {
 public:
  CumsumNode(int axis, const CumulativeOptions& options) : axis_(axis), options_(options) {}
  static constexpr bool reads(std::size_t) { return false; }

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const GradSlot<T> g = open_grad(this->input(0));
    const AxisWalk walk(this->output()->shape, axis_, !options_.reverse);
    running_sum(walk, options_.exclusive, dy, g.data, g.add);
  }
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    return {cumsum(dy[0], axis_, {.exclusive = options_.exclusive, .reverse = !options_.reverse})};
  }
  std::string name() const override { return "cumsum"; }

 private:
  int axis_;
  CumulativeOptions options_;
};

// What is multiplied with d: x, with 0 for what is not finite where d is 0.
template <class T>
Variable<T> hide_unused(const Variable<T>& d0, const Variable<T>& x0) {
  const Variable<T> d = dense(d0), x = dense(x0);
  const T *slope = d.tensor()->data, *value = x.tensor()->data;
  const auto unused = [&](index_t i) { return slope[i] == T{0} && !std::isfinite(value[i]); };
  Variable<T> keep(x.shape(), T{1});
  bool all = true;
  for (index_t i = 0; i < x.size(); ++i) {
    if (!unused(i)) continue;
    keep.tensor()->data[i] = T{0};
    all = false;
  }
  return all ? x0 : recorded::where(keep, x, Variable<T>(T{0}));
}

template <class T>
Variable<T> linear_recurrence(const Variable<T>& a, const Variable<T>& b, int axis, bool reverse);

/// s_0 = 0, s_{k+1} = b_k + a_k s_k along an axis: with it the gradient of cumprod is expressed.
/// Let h be the same recurrence in the other direction, of a and the derivative of s: then db = h and da = h s.
template <class T>
class RecurrenceNode final : public Node<T> {
 public:
  RecurrenceNode(int axis, bool reverse) : axis_(axis), reverse_(reverse) {}
  static constexpr bool reads(std::size_t k) { return k == 0; }

  void backward() override {
    const T* ds = this->output_grad();
    if (!ds) return;
    GradSlot<T> da{}, db{};
    if (this->wants(0)) da = open_grad(this->input(0));
    if (this->wants(1)) db = open_grad(this->input(1));
    const T *a = this->input(0).data, *s = this->output()->data;
    const AxisWalk walk(this->output()->shape, axis_, !reverse_);
    walk(0, [&](index_t i, double& h) {
      if (da.data) put(da.data[i], times_slope(static_cast<double>(s[i]), h), da.add);
      if (db.data) put(db.data[i], h, db.add);
      h = static_cast<double>(ds[i]) + times_slope(static_cast<double>(a[i]), h);
    });
  }
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& ds) override {
    const Variable<T> a(TensorRef<T>(&this->input(0))), s(TensorRef<T>(this->output()));
    const Variable<T> h = linear_recurrence(a, ds[0], axis_, !reverse_);
    return {recorded::mul(h, hide_unused(h, s)), h};
  }
  std::string name() const override { return "cumprod"; }

 private:
  int axis_;
  bool reverse_;
};

template <class T>
Variable<T> linear_recurrence(const Variable<T>& a0, const Variable<T>& b0, int axis, bool reverse) {
  const Variable<T> a = dense(a0), b = dense(b0);
  Tensor<T>* const inputs[] = {a.tensor(), b.tensor()};
  const bool recorded = begin_op<T>("cumprod", inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(a.shape());
  const T *factor = inputs[0]->data, *term = inputs[1]->data;
  T* y = out->data;
  AxisWalk(a.shape(), axis, reverse)(0, [=](index_t i, double& s) {
    y[i] = static_cast<T>(s);
    s = static_cast<double>(term[i]) + times_slope(static_cast<double>(factor[i]), s);
  });
  return finish_op<RecurrenceNode<T>>(recorded, inputs, out, axis, reverse);
}

/// Let e_k be the product of the elements before x_k, and S_k the derivative of the loss with respect to the product up
/// to x_k, with all the factors behind: the derivative in x_k is e_k S_k.
template <class T>
class CumprodNode final : public Node<T> {
 public:
  CumprodNode(int axis, const CumulativeOptions& options) : axis_(axis), options_(options) {}

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const Tensor<T>& in = this->input(0);
    const AxisWalk walk(in.shape, axis_, options_.reverse);
    PoolVector<double> before(static_cast<std::size_t>(in.shape.size()));
    running_product(walk, true, in.data, before.data());
    const GradSlot<T> g = open_grad(this->input(0));
    const bool exclusive = options_.exclusive;
    walk.reversed()(0, [=, x = in.data, e = before.data()](index_t i, double& behind) {
      const auto d = static_cast<double>(dy[i]), factor = static_cast<double>(x[i]);
      put(g.data[i], times_slope(e[i], exclusive ? behind : d + behind), g.add);
      behind = exclusive ? d + times_slope(factor, behind) : times_slope(factor, d + behind);
    });
  }
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    using namespace recorded;
    const Variable<T> x(TensorRef<T>(&this->input(0)));
    const Variable<T> e = cumprod(x, axis_, {.exclusive = true, .reverse = options_.reverse});
    const Variable<T> d = options_.exclusive ? dy[0] : mul(hide_unused(dy[0], x), dy[0]);
    const Variable<T> behind = linear_recurrence(x, d, axis_, !options_.reverse);
    const Variable<T> s = options_.exclusive ? behind : add(dy[0], behind);
    return {mul(hide_unused(s, e), s)};
  }
  std::string name() const override { return "cumprod"; }

 private:
  int axis_;
  CumulativeOptions options_;
};

}  // namespace
}  // namespace detail

template <class T>
Variable<T> cumsum(const Variable<T>& x0, int axis, const CumulativeOptions& options) {
  using namespace detail;
  if (!x0) fail_empty("cumsum", 0);
  const int a = normalise_axis("cumsum", axis, x0.rank());
  const Variable<T> x = dense(x0);
  Tensor<T>* const inputs[] = {x.tensor()};
  const bool recorded = begin_op<T>("cumsum", inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(x.shape());
  running_sum(AxisWalk(x.shape(), a, options.reverse), options.exclusive, inputs[0]->data, out->data, false);
  return finish_op<CumsumNode<T>>(recorded, inputs, out, a, options);
}

template <class T>
Variable<T> cumprod(const Variable<T>& x0, int axis, const CumulativeOptions& options) {
  using namespace detail;
  if (!x0) fail_empty("cumprod", 0);
  const int a = normalise_axis("cumprod", axis, x0.rank());
  const Variable<T> x = dense(x0);
  Tensor<T>* const inputs[] = {x.tensor()};
  const bool recorded = begin_op<T>("cumprod", inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(x.shape());
  running_product(AxisWalk(x.shape(), a, options.reverse), options.exclusive, inputs[0]->data, out->data);
  return finish_op<CumprodNode<T>>(recorded, inputs, out, a, options);
}

UNROLL_COMPILE_FUNCTIONS(cumsum, cumprod)

}  // namespace unroll
