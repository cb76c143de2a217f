#include "unroll/autograd/max_plus_recurrence.hpp"

#include <algorithm>

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/op.hpp"
#include "unroll/detail/autograd/ops/recurrence_ends.hpp"
#include "unroll/detail/autograd/ops/recurrence_kernels.hpp"

namespace unroll {
namespace detail {
namespace {

/// The rows (t, r) of a call in the order of its steps: f(k, r, row, the row before).
template <class F>
void each_row(const RecurrenceGrid& grid, F&& f, bool backwards = false) {
  for (index_t i = 0; i < grid.steps; ++i) {
    const index_t k = backwards ? grid.steps - 1 - i : i, t = grid.time(k),
                  before = k > 0 ? grid.time(k - 1) : t;
    for (index_t r = 0; r < grid.rows; ++r)
      f(grid.start(k, r), r, (t * grid.rows + r) * grid.cols, (before * grid.rows + r) * grid.cols);
  }
}

/// What a row's state is before a step; null if it is 0.
template <class T>
const T* state_before(RowStart start, const T* first, const T* before) {
  return start == RowStart::given ? first : start == RowStart::goes_on ? before : nullptr;
}

/// max(x, y), NaN if either is.
template <class T>
T larger_of(T x, T y) {
  return x > y ? x : y >= x ? y : x + y;
}
/// The slope of max(x, y) in x.
template <class T>
T share_of(T x, T y) {
  return x > y ? T{1} : x == y ? T{0.5} : T{0};
}
/// share · d, which is 0 where the share is, whatever d is.
template <class T>
T share_times(T share, T d) {
  return share == T{0} ? T{0} : share * d;
}

/// Inputs: a, b, m0.
template <class T>
class MaxPlusNode final : public Node<T> {
 public:
  MaxPlusNode(RecurrenceGrid grid, const RecurrenceOptions& options)
      : grid_(std::move(grid)), options_(options) {}

  void backward() override {
    const T* const dm = this->output_grad();
    if (!dm) return;
    const index_t size = this->output()->shape.size(), state = this->input(2).shape.size();
    PoolVector<T> da(static_cast<std::size_t>(size), T{0}), db(da.size(), T{0}),
        carry(static_cast<std::size_t>(state), T{0}), d0(carry.size(), T{0});
    each_row(
        grid_,
        [&](RowStart start, index_t r, index_t at, index_t before) {
          if (start == RowStart::ended) return;
          for (index_t j = 0; j < grid_.cols; ++j) {
            T& behind = carry[static_cast<std::size_t>(r * grid_.cols + j)];
            const auto [old, fresh] = shares(start, r, at, before, j);
            const T d = dm[at + j] + behind, kept = share_times(old, d);
            da[static_cast<std::size_t>(at + j)] = kept;
            db[static_cast<std::size_t>(at + j)] = share_times(fresh, d);
            behind = start == RowStart::goes_on ? kept : T{0};
            if (start == RowStart::given) d0[static_cast<std::size_t>(r * grid_.cols + j)] = kept;
          }
        },
        true);
    if (this->wants(0)) write_gradient(this->input(0), da.data(), size, size);
    if (this->wants(1)) write_gradient(this->input(1), db.data(), size, size);
    if (this->wants(2)) write_gradient(this->input(2), d0.data(), state, state);
  }

  // The shares are constant, so that it is a linear recurrence, and so is its way back.
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dm) override {
    using namespace recorded;
    const Shape& shape = this->output()->shape;
    const Variable<T> old(shape, T{0}), fresh(shape, T{0}), carried(shape, T{0}), first(shape, T{0});
    each_row(grid_, [&](RowStart start, index_t r, index_t at, index_t before) {
      if (start == RowStart::ended) return;
      for (index_t j = 0; j < grid_.cols; ++j) {
        const auto [w, rest] = shares(start, r, at, before, j);
        old.tensor()->data[at + j] = w;
        fresh.tensor()->data[at + j] = rest;
        if (start == RowStart::goes_on) carried.tensor()->data[before + j] = w;
        if (start == RowStart::given) first.tensor()->data[at + j] = w;
      }
    });
    const Variable<T> zeros(this->input(2).shape, T{0});
    const Variable<T> g =
        linear_recurrence(carried, dm[0], zeros, {.reverse = !options_.reverse, .lengths = options_.lengths})
            .output;
    return {mul(old, g), mul(fresh, g), sum(mul(first, g), {0})};
  }
  std::string name() const override { return "max_plus_recurrence"; }
  std::vector<Variable<T>> as_ops(const std::vector<Variable<T>>& in) const override {
    if (grid_.steps != 1 || !grid_.starts.empty()) return {};
    return {Variable<T>(maximum(in[0] + reshape(in[2], this->output()->shape), in[1]))};
  }

 private:
  /// Of one element: the slopes in a + m' and in b.
  std::pair<T, T> shares(RowStart start, index_t r, index_t at, index_t before, index_t j) const {
    const T* const m =
        state_before<T>(start, this->input(2).data + r * grid_.cols, this->output()->data + before);
    const T x = this->input(0).data[at + j] + (m ? m[j] : T{0}), y = this->input(1).data[at + j];
    return {share_of(x, y), share_of(y, x)};
  }

  RecurrenceGrid grid_;
  RecurrenceOptions options_;
};

template <class T>
void check_max_plus(const Variable<T>& a, const Variable<T>& b, const Variable<T>& m0,
                    const RecurrenceOptions& options) {
  const Variable<T>* const all[] = {&a, &b, &m0};
  for (std::size_t k = 0; k < 3; ++k)
    if (!*all[k]) fail_empty("max_plus_recurrence", k);
  if (a.rank() < 1 || !(b.shape() == a.shape()) || !(m0.shape() == a.shape().without(0)))
    raise<ShapeError>("max_plus_recurrence: need a and b (T, …) and m0 (…); got a {}, b {}, m0 {}",
                      a.shape().str(), b.shape().str(), m0.shape().str());
  check_sequences("max_plus_recurrence", a.shape(), options);
}

}  // namespace
}  // namespace detail

template <class T>
RecurrenceResult<Variable<T>> max_plus_recurrence(const Variable<T>& a0, const Variable<T>& b0,
                                                  const Variable<T>& m0, const RecurrenceOptions& options) {
  using namespace detail;
  check_max_plus(a0, b0, m0, options);
  const Variable<T> a = dense(a0), b = dense(b0), first = dense(m0);
  const Shape shape = a.shape();
  Tensor<T>* const inputs[] = {a.tensor(), b.tensor(), first.tensor()};
  const bool recorded = begin_op<T>("max_plus_recurrence", inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(shape);
  RecurrenceGrid grid;
  if (shape.size() > 0) {
    std::vector<RowStart> starts = row_starts(shape, options);
    const index_t rows = starts.empty() ? 1 : shape[1];
    grid = {shape[0], rows, shape.size() / shape[0] / rows, options.reverse, std::move(starts)};
  }
  each_row(grid, [&](RowStart start, index_t r, index_t at, index_t before) {
    T* const m = out->data + at;
    if (start == RowStart::ended) {
      std::fill_n(m, grid.cols, T{0});
      return;
    }
    const T *x = inputs[0]->data + at, *y = inputs[1]->data + at,
            *old = state_before<T>(start, inputs[2]->data + r * grid.cols, out->data + before);
    for (index_t j = 0; j < grid.cols; ++j) m[j] = larger_of(x[j] + (old ? old[j] : T{0}), y[j]);
  });
  Variable<T> m = finish_op<MaxPlusNode<T>>(recorded, inputs, out, grid, options);
  Variable<T> state = last_state(m, first, options);
  return {std::move(m), std::move(state)};
}

template RecurrenceResult<Variable<float>> max_plus_recurrence(const Variable<float>&, const Variable<float>&,
                                                               const Variable<float>&,
                                                               const RecurrenceOptions&);
template RecurrenceResult<Variable<double>> max_plus_recurrence(const Variable<double>&,
                                                                const Variable<double>&,
                                                                const Variable<double>&,
                                                                const RecurrenceOptions&);

}  // namespace unroll
