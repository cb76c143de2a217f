#include "unroll/autograd/linear_recurrence.hpp"

#include <algorithm>
#include <optional>

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/parallel.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/op.hpp"
#include "unroll/detail/autograd/ops/recurrence_back.hpp"
#include "unroll/detail/autograd/ops/recurrence_ends.hpp"
#include "unroll/detail/autograd/ops/recurrence_rows.hpp"

namespace unroll {
namespace detail {
namespace {

constexpr const char* op_name = "linear_recurrence";

/// The N parts of an operand.
template <class T, int N>
using Operand = std::array<Variable<T>, static_cast<std::size_t>(N)>;

// --- which elements a step has ---

/// Shapes and sequences of a call. `grid` has all rows and columns apart, as the operands that are shared and the
/// sequences' ends need them.
struct Recurrence {
  Shape shape;      ///< (T, B, …)
  int columns = 1;  ///< the axis where columns begin
  RecurrenceGrid grid;
  RecurrenceOptions options;
  bool absorbs = false;  ///< a state of 0 stays 0 whatever a is: for slopes
};

/// Which elements an operand has of its own.
struct OperandForm {
  bool each_step = true, each_row = true;
};

/// The form of an operand where the axes before `columns` belong to rows; nothing if steps or rows share it in another
/// way.
std::optional<OperandForm> form_of(const Shape& x, const Shape& shape, int columns) {
  const auto has = [&](int axis) {
    return shape.rank() - axis <= x.rank() && x.back(shape.rank() - 1 - axis) == shape[axis];
  };
  const auto lacks = [&](int axis) { return x.back(shape.rank() - 1 - axis) == 1; };
  OperandForm form{has(0), true};
  if (!form.each_step && !lacks(0)) return {};
  bool all = true, none = true;
  for (int axis = 1; axis < columns; ++axis) all = all && has(axis), none = none && lacks(axis);
  for (int axis = columns; axis < shape.rank(); ++axis)
    if (!has(axis)) return {};
  if (!all && !none) return {};
  form.each_row = all;
  if (form.each_step && !form.each_row) return {};
  return form;
}

/// Where an operand's elements lie; nothing if they cannot be walked over by strides.
template <class T>
std::optional<SequenceArray<T>> sequence_array(T* data, index_t run, index_t pitch, const Shape& x,
                                               const Recurrence& r) {
  const OperandForm form = *form_of(x, r.shape, r.columns);
  const index_t unit = r.grid.cols, rows = form.each_row ? r.grid.rows : 1;
  SequenceArray<T> array{data, rows * unit, unit};
  if (run != x.size() && pitch != run) {
    if (run == rows * unit)
      array.step = pitch;
    else if (run == unit)
      array.row = pitch, array.step = rows * pitch;
    else
      return {};
  }
  if (!form.each_step) array.step = 0;
  if (!form.each_row) array.row = 0;
  return array;
}

template <class T, int N>
SequenceArrays<const T, N> arrays_of(const Node<T>* node, Tensor<T>* const* inputs, std::size_t first,
                                     const Recurrence& r) {
  SequenceArrays<const T, N> arrays;
  for (std::size_t p = 0; p < arrays.size(); ++p) {
    const Tensor<T>& t = node ? node->input(first + p) : *inputs[first + p];
    arrays[p] = *sequence_array<const T>(t.data, t.run, t.pitch, t.shape, r);
  }
  return arrays;
}
template <class T, int N>
SequenceArrays<T, N> dense_arrays(const Parts<T*, N>& data, const RecurrenceGrid& grid) {
  SequenceArrays<T, N> arrays;
  for (std::size_t p = 0; p < arrays.size(); ++p) arrays[p] = {data[p], grid.rows * grid.cols, grid.cols};
  return arrays;
}

// Where rows need not be told apart, they are columns.
template <class... Arrays>
void merge_rows(RecurrenceGrid& grid, const Arrays&... all) {
  const auto apart = [&](const auto& arrays) {
    return std::any_of(arrays.begin(), arrays.end(), [&](const auto& x) { return x && x.row != grid.cols; });
  };
  if (grid.rows == 1 || !grid.starts.empty() || (apart(all) || ...)) return;
  grid.cols *= grid.rows;
  grid.rows = 1;
}

// f(first column, columns), by threads where there is enough to do. No element depends on another of its step.
template <class F>
void for_columns(const RecurrenceGrid& grid, index_t element, F&& f) {
  constexpr index_t piece = 8192,
                    least = 64;  // bytes and columns: a piece of the state stays in the nearest cache
  constexpr double worth = 1 << 17;
  const index_t threads = static_cast<double>(grid.steps * grid.rows) * static_cast<double>(grid.cols) < worth
                              ? 1
                              : num_threads();
  const index_t share = (grid.cols + threads - 1) / threads;
  const index_t n = std::clamp((share + least - 1) / least * least, least,
                               std::max(least, piece / element / grid.rows / least * least));
  const index_t count = (grid.cols + n - 1) / n;
  const auto block = [&](index_t k) { f(k * n, std::min(n, grid.cols - k * n)); };
  if (threads == 1 || count == 1) {
    for (index_t k = 0; k < count; ++k) block(k);
    return;
  }
  const index_t parts = std::min(count, threads);
  in_parallel(static_cast<int>(parts), false, [&](int part) {
    for (index_t k = part * count / parts; k < (part + 1) * count / parts; ++k) block(k);
  });
}

// --- the op ---

/// Where the loop writes a gradient: where it belongs, or apart, if there is something to be added to, which may be what
/// the loop itself computes of another operand that is the same array.
template <class T>
struct GradientPlace {
  Tensor<T>* input = nullptr;
  SequenceArray<T> array;
  PoolVector<T> apart = {};

  GradientPlace() = default;
  GradientPlace(Tensor<T>& x, const Recurrence& r) {
    const GradSlot<T> slot = open_grad(x);
    const auto direct = sequence_array<T>(slot.data, slot.run, slot.pitch, x.shape, r);
    if (direct && !slot.add) {
      array = *direct;
      return;
    }
    input = &x, place = slot;
    apart.assign(static_cast<std::size_t>(x.shape.size()), T{0});
    array = *sequence_array<T>(apart.data(), x.shape.size(), x.shape.size(), x.shape, r);
  }
  void finish() {
    const index_t size = static_cast<index_t>(apart.size());
    if (input) write_gradient(place, size, apart.data(), size, size);
  }
  GradSlot<T> place;
};

/// Inputs: the parts of a, of b, of h0. Outputs: the parts of h.
template <class T, int N>
class RecurrenceNode final : public Node<T> {
 public:
  RecurrenceNode(Recurrence r, const Operand<T, N>& h) : r_(std::move(r)) {
    for (std::size_t p = 0; p < h.size(); ++p)
      storage_[p] = h[p].tensor()->storage, h_[p] = h[p].tensor()->data;
  }
  static constexpr bool reads(std::size_t k) { return k < N || k >= 2 * N; }

  void backward() override {
    Parts<const T*, N> dh{};
    bool any = false;
    for (std::size_t p = 0; p < dh.size(); ++p) any = (dh[p] = this->output_grad(p)) || any;
    if (!any) return;
    RecurrenceGrid grid = r_.grid;
    Parts<const T*, N> initial;
    for (std::size_t p = 0; p < initial.size(); ++p) initial[p] = this->input(2 * N + p).data;
    std::array<GradientPlace<T>, 2 * N> places;
    for (std::size_t k = 0; k < 2 * N; ++k)
      if (this->wants(k)) places[k] = GradientPlace<T>(this->input(k), r_);
    std::array<PoolVector<T>, N> dh0;
    RecurrenceBack<T, N> back{grid, arrays_of<T, N>(this, nullptr, 0, r_),
                              dense_arrays<const T, N>(initial, grid), dense_arrays<const T, N>(h_, grid),
                              dense_arrays<const T, N>(dh, grid)};
    for (std::size_t p = 0; p < N; ++p) {
      back.da[p] = places[p].array;
      back.db[p] = places[N + p].array;
      if (!this->wants(2 * N + p)) continue;
      dh0[p].assign(static_cast<std::size_t>(grid.rows * grid.cols), T{0});
      back.dh0[p] = {dh0[p].data(), 0, grid.cols};
    }
    merge_rows(grid, back.a, back.h0, back.da, back.db);
    for_columns(grid, sizeof(T), [&](index_t c, index_t n) { back.run(c, n); });
    for (auto& place : places) place.finish();
    for (std::size_t p = 0; p < N; ++p) {
      const auto size = static_cast<index_t>(dh0[p].size());
      if (this->wants(2 * N + p)) write_gradient(this->input(2 * N + p), dh0[p].data(), size, size);
    }
    if (!this->retaining()) storage_ = {};
  }
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override;
  std::string name() const override { return op_name; }
  std::vector<Variable<T>> as_ops(const std::vector<Variable<T>>& in) const override {
    if (r_.shape[0] != 1 || !r_.grid.starts.empty()) return {};
    const auto before = [&](std::size_t p) { return Variable<T>(reshape(in[2 * N + p], r_.shape)); };
    if constexpr (N == 1) {
      return {Variable<T>(in[0] * before(0) + in[1])};
    } else {
      const Variable<T> re = before(0), im = before(1);
      return {Variable<T>(in[0] * re - in[1] * im + in[2]), Variable<T>(in[0] * im + in[1] * re + in[3])};
    }
  }

 private:
  // Not those of the node: somebody may hold one part of the result and not the other.
  Recurrence r_;
  Parts<Ref<Block>, N> storage_;
  Parts<const T*, N> h_{};
};

// --- the way back as ops ---

template <class T, int N>
RecurrenceResult<Operand<T, N>> run_recurrence(Operand<T, N> a, Operand<T, N> b, Operand<T, N> h0,
                                               const RecurrenceOptions& options, bool absorbs);

// x one step earlier in the order of the loop; what the last step gets is never used.
template <class T>
Variable<T> one_step_on(const Variable<T>& x, const Recurrence& r) {
  const index_t steps = r.shape[0];
  if (x.rank() < r.shape.rank() || x.shape()[0] == 1 || steps < 2) return x;
  if (r.options.reverse) return concat({slice(x, 0, steps - 1, steps), slice(x, 0, 0, steps - 1)}, 0);
  return concat({slice(x, 0, 1, steps), slice(x, 0, 0, 1)}, 0);
}

/// 1 where a row's start is one of those, else 0.
template <class T>
Variable<T> where_rows(const Recurrence& r, RowStart start) {
  Shape shape = r.shape;
  for (int axis = 2; axis < shape.rank(); ++axis) shape = shape.with(axis, 1);
  auto mask = Variable<T>(shape, T{0});
  T* const m = mask.mutable_data();
  for (std::size_t i = 0; i < r.grid.starts.size(); ++i) m[i] = r.grid.starts[i] == start ? T{1} : T{0};
  return mask;
}

// The state before each step, and a as the steps see it: 0 where a sequence begins.
template <class T>
struct RecordedSteps {
  Variable<T> before, a;
};
template <class T>
RecordedSteps<T> recorded_steps(const Variable<T>& a, const Variable<T>& h, const Variable<T>& h0,
                                const Recurrence& r) {
  using namespace recorded;
  const index_t steps = r.shape[0];
  const Variable<T> first = reshape(h0, r.shape.with(0, 1)), zero(T{0});
  const Variable<T> before = r.options.reverse ? concat({slice(h, 0, 1, steps), first}, 0)
                                               : concat({first, slice(h, 0, 0, steps - 1)}, 0);
  if (r.grid.starts.empty()) return {before, a};
  const auto fresh = where_rows<T>(r, RowStart::fresh), given = where_rows<T>(r, RowStart::given);
  return {where(fresh, zero, where(given, first, before)), where(fresh, zero, a)};
}

/// What the first step of each sequence gets of x, by rows.
template <class T>
Variable<T> at_first_steps(const Variable<T>& x, const Recurrence& r) {
  using namespace recorded;
  const Variable<T> full = recorded::add(x, Variable<T>(r.shape, -T{0}));
  if (r.grid.starts.empty()) return select(full, 0, r.options.reverse ? r.shape[0] - 1 : 0);
  return sum(where(where_rows<T>(r, RowStart::given), full, Variable<T>(T{0})), {0});
}

template <class T>
Variable<T> dx_like(const Variable<T>& g, const Variable<T>& x) {
  return fit_to(g, x.shape());
}

// g_t = dh_t + a_{t+1} g_{t+1} from the other end.
RecurrenceOptions backwards(const Recurrence& r) {
  return {.reverse = !r.options.reverse, .lengths = r.options.lengths, .resets = {}};
}

template <class T>
std::vector<Variable<T>> record_back(const std::vector<Variable<T>>& in, const std::vector<Variable<T>>& dy,
                                     const Recurrence& r, std::integral_constant<int, 1>) {
  using namespace recorded;
  const Variable<T>&a = in[0], &b = in[1], &h0 = in[2];
  const Variable<T> h = run_recurrence<T, 1>({a}, {b}, {h0}, r.options, r.absorbs).output[0];
  const auto [before, a_seen] = recorded_steps(a, h, h0, r);
  const Variable<T> zeros(h0.shape(), T{0});
  const Variable<T> g =
      run_recurrence<T, 1>({one_step_on(a_seen, r)}, {dy[0]}, {zeros}, backwards(r), true).output[0];
  return {dx_like(absorb(g, mul(g, before)), a), dx_like(g, b), at_first_steps(absorb(g, mul(g, a_seen)), r)};
}

template <class T>
std::vector<Variable<T>> record_back(const std::vector<Variable<T>>& in, const std::vector<Variable<T>>& dy,
                                     const Recurrence& r, std::integral_constant<int, 2>) {
  using namespace recorded;
  const ComplexPair<T> a{in[0], in[1]}, b{in[2], in[3]}, h0{in[4], in[5]};
  const Operand<T, 2> h =
      run_recurrence<T, 2>({a.re, a.im}, {b.re, b.im}, {h0.re, h0.im}, r.options, r.absorbs).output;
  const auto [before_re, re] = recorded_steps(a.re, h[0], h0.re, r);
  const auto [before_im, im] = recorded_steps(a.im, h[1], h0.im, r);
  const Variable<T> zeros(h0.re.shape(), T{0}), no_dy(r.shape, T{0});
  const ComplexPair<T> conjugate{one_step_on(re, r), one_step_on(neg(im), r)};
  const ComplexPair<T> dh{dy[0] ? dy[0] : no_dy, dy[1] ? dy[1] : no_dy};
  const Operand<T, 2> parts =
      run_recurrence<T, 2>({conjugate.re, conjugate.im}, {dh.re, dh.im}, {zeros, zeros}, backwards(r), true)
          .output;
  const ComplexPair<T> g{parts[0], parts[1]};
  const Variable<T> size =
      add(apply_compiled<T>(ScalarOp::abs, {g.re}), apply_compiled<T>(ScalarOp::abs, {g.im}));
  const auto times = [&](const Variable<T>& x_re, const Variable<T>& x_im) {  // g times x's conjugate
    return ComplexPair<T>{absorb(size, add(mul(g.re, x_re), mul(g.im, x_im))),
                          absorb(size, sub(mul(g.im, x_re), mul(g.re, x_im)))};
  };
  const ComplexPair<T> da = times(before_re, before_im), d0 = times(re, im);
  return {dx_like(da.re, a.re), dx_like(da.im, a.im),     dx_like(g.re, b.re),
          dx_like(g.im, b.im),  at_first_steps(d0.re, r), at_first_steps(d0.im, r)};
}

template <class T, int N>
std::vector<Variable<T>> RecurrenceNode<T, N>::record_backward(const std::vector<Variable<T>>& dy) {
  std::vector<Variable<T>> in;
  for (std::size_t k = 0; k < this->input_count(); ++k) in.emplace_back(TensorRef<T>(&this->input(k)));
  return record_back<T>(in, dy, r_, std::integral_constant<int, N>());
}

// --- the call ---

/// x for each of its elements that `shape` has.
template <class T>
Variable<T> repeated(const Variable<T>& x, const Shape& shape) {
  return x.shape() == shape ? x : recorded::add(x, Variable<T>(shape, -T{0}));
}

template <class T, int N>
Shape common_shape(const Operand<T, N>& a, const Operand<T, N>& b, const Operand<T, N>& h0) {
  for (const auto* operand : {&a, &b, &h0})
    for (std::size_t p = 0; p < operand->size(); ++p) {
      if (!(*operand)[p]) fail_empty(op_name, operand == &a ? 0 : operand == &b ? 1 : 2);
      if ((*operand)[p].shape() == (*operand)[0].shape()) continue;
      raise<ShapeError>("{}: need a real and an imaginary part of one shape; got {} and {}", op_name,
                        (*operand)[0].shape().str(), (*operand)[p].shape().str());
    }
  const Shape shape = broadcast(op_name, a[0].shape(), b[0].shape());
  if (shape.rank() < 1 || !(shape.without(0) == h0[0].shape()))
    raise<ShapeError>("{}: need a and b (T, …) and h0 (…); got a {}, b {}, h0 {}", op_name,
                      a[0].shape().str(), b[0].shape().str(), h0[0].shape().str());
  return shape;
}

/// The axis where columns begin: those before it belong to rows, which are told apart where an operand is shared by them,
/// or their sequences differ.
int first_column(const Shape& shape, const Shape& a, const Shape& b, const RecurrenceOptions& o) {
  if (o.lengths.size() > 0 || o.resets.size() > 0) return 2;
  for (int axis = 1; axis <= shape.rank(); ++axis)
    if (form_of(a, shape, axis) && form_of(b, shape, axis)) return axis;
  return 1;
}

/// The parts of an operand as arrays that can be walked over; copies where they are not.
template <class T, int N>
Operand<T, N> walkable(const Operand<T, N>& x, const Recurrence& r) {
  Operand<T, N> y = x;
  for (Variable<T>& part : y) {
    if (!form_of(part.shape(), r.shape, r.columns)) part = repeated(part, r.shape);
    const Tensor<T>& t = *part.tensor();
    if (!sequence_array<const T>(t.data, t.run, t.pitch, t.shape, r)) part = dense(part);
  }
  return y;
}

template <class T, int N>
RecurrenceResult<Operand<T, N>> run_recurrence(Operand<T, N> a, Operand<T, N> b, Operand<T, N> h0,
                                               const RecurrenceOptions& options, bool absorbs) {
  const Shape shape = common_shape<T, N>(a, b, h0);
  check_sequences(op_name, shape, options);
  RecurrenceResult<Operand<T, N>> result;
  if (shape.size() == 0) {
    // Nothing but the shape, and that it takes part in gradients.
    for (std::size_t p = 0; p < N; ++p)
      result.output[p] = recorded::add(recorded::add(recorded::mul(a[p], b[p]), b[p]), h0[p]);
    result.state = h0;
    return result;
  }
  Recurrence r{shape, first_column(shape, a[0].shape(), b[0].shape(), options), {}, options, absorbs};
  r.grid = {shape[0], shape.product(1, r.columns), shape.product(r.columns, shape.rank()), options.reverse,
            row_starts(shape, options)};
  a = walkable<T, N>(a, r), b = walkable<T, N>(b, r);
  for (Variable<T>& part : h0) part = dense(part);
  std::array<Tensor<T>*, 3 * N> inputs;
  for (std::size_t p = 0; p < N; ++p)
    inputs[p] = a[p].tensor(), inputs[N + p] = b[p].tensor(), inputs[2 * N + p] = h0[p].tensor();
  const bool recorded = begin_op<T>(op_name, inputs);
  Parts<T*, N> data;
  for (std::size_t p = 0; p < N; ++p) {
    result.output[p] = Variable<T>(Tape<T>::local().allocate_output(shape));
    data[p] = result.output[p].tensor()->data;
  }
  RecurrenceGrid grid = r.grid;
  const auto from_a = arrays_of<T, N>(nullptr, inputs.data(), 0, r),
             from_b = arrays_of<T, N>(nullptr, inputs.data(), N, r);
  Parts<const T*, N> initial;
  for (std::size_t p = 0; p < initial.size(); ++p) initial[p] = h0[p].tensor()->data;
  const auto from_h0 = dense_arrays<const T, N>(initial, grid);
  const auto to = dense_arrays<T, N>(data, grid);
  merge_rows(grid, from_a, from_b, from_h0);
  for_columns(grid, sizeof(T), [&](index_t c, index_t n) {
    recurrence_forward<T, N>(grid, from_a, from_b, from_h0, to, c, n, absorbs);
  });
  if (recorded) {
    const auto node = record_op<RecurrenceNode<T, N>>(inputs, result.output, r, result.output);
    if (AnomalyMode::active())
      for (const Variable<T>& h : result.output) check_anomaly<T>(*node, *h.tensor());
  }
  for (std::size_t p = 0; p < N; ++p) result.state[p] = last_state(result.output[p], h0[p], options);
  return result;
}

}  // namespace
}  // namespace detail

template <class T>
RecurrenceResult<Variable<T>> linear_recurrence(const Variable<T>& a, const Variable<T>& b,
                                                const Variable<T>& h0, const RecurrenceOptions& options) {
  auto run = detail::run_recurrence<T, 1>({a}, {b}, {h0}, options, false);
  return {std::move(run.output[0]), std::move(run.state[0])};
}

template <class T>
RecurrenceResult<ComplexPair<T>> linear_recurrence(const ComplexPair<T>& a, const ComplexPair<T>& b,
                                                   const ComplexPair<T>& h0,
                                                   const RecurrenceOptions& options) {
  auto run = detail::run_recurrence<T, 2>({a.re, a.im}, {b.re, b.im}, {h0.re, h0.im}, options, false);
  return {{std::move(run.output[0]), std::move(run.output[1])},
          {std::move(run.state[0]), std::move(run.state[1])}};
}

#define UNROLL_COMPILE_RECURRENCE(T, X)                                                    \
  template RecurrenceResult<X<T>> linear_recurrence(const X<T>&, const X<T>&, const X<T>&, \
                                                    const RecurrenceOptions&);
UNROLL_COMPILE_RECURRENCE(float, Variable)
UNROLL_COMPILE_RECURRENCE(double, Variable)
UNROLL_COMPILE_RECURRENCE(float, ComplexPair)
UNROLL_COMPILE_RECURRENCE(double, ComplexPair)

}  // namespace unroll
