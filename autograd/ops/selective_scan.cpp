#include "unroll/autograd/selective_scan.hpp"

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/parallel.hpp"
#include "unroll/detail/autograd/core/subpass.hpp"
#include "unroll/detail/autograd/ops/op.hpp"
#include "unroll/detail/autograd/ops/selective_scan_back.hpp"
#include "unroll/detail/autograd/ops/whole_gradient.hpp"

namespace unroll {
namespace detail {
namespace {

constexpr const char* selective_name = "selective_scan";

// Inputs: u, δ, A, B, C, and the state if one is given.
enum SelectiveInput : std::size_t { in_u, in_delta, in_a, in_b, in_c, in_state };

template <class T>
PoolVector<T> transposed(const T* a, index_t rows, index_t cols) {
  PoolVector<T> t(static_cast<std::size_t>(rows * cols));
  for (index_t r = 0; r < rows; ++r)
    for (index_t c = 0; c < cols; ++c) t[static_cast<std::size_t>(c * rows + r)] = a[r * cols + c];
  return t;
}

// f(sequence, piece, number), by threads where there is enough to do.
template <class F>
void for_pieces(const SelectiveGrid& g, F&& f) {
  const index_t count = g.batch * g.pieces();
  const double work = static_cast<double>(g.steps * g.batch) * static_cast<double>(g.channels * g.states);
  const index_t threads = work < 1 << 16 ? 1 : std::min<index_t>(num_threads(), count);
  const auto part = [&](int p) {
    for (index_t k = p * count / threads; k < (p + 1) * count / threads; ++k)
      f(k / g.pieces(), k % g.pieces(), k);
  };
  if (threads == 1) return part(0);
  in_parallel(static_cast<int>(threads), false, part);
}

// What selective_forward keeps of one piece at most.
template <class T>
index_t kept_size(const SelectiveGrid& g) {
  const index_t width = block_width<T>;
  return (std::min(g.piece, g.group_channels()) + width - 1) / width * width * g.chunks() * g.states;
}

template <class T>
class SelectiveScanNode final : public Node<T> {
 public:
  SelectiveScanNode(SelectiveGrid grid, PoolVector<T> kept, RecurrenceOptions rows)
      : grid_(std::move(grid)), kept_(std::move(kept)), rows_(std::move(rows)) {}

  void backward() override {
    const T *dy = this->output_grad(0), *dstate = this->output_grad(1);
    if (!dy && !dstate) return;
    const SelectiveGrid& g = grid_;
    const index_t groups = g.steps * g.batch * g.groups * g.states, matrix = g.channels * g.states;
    const auto zeros = [](index_t size) { return PoolVector<T>(static_cast<std::size_t>(size), T{0}); };
    const auto whole = [&](std::size_t k) {
      return WholeGradient<T>(this->wants(k) ? &this->input(k) : nullptr, this->input(k).shape.size());
    };
    const WholeGradient<T> du = whole(in_u), ddelta = whole(in_delta);
    PoolVector<T> dinitial;
    PoolVector<T> db = zeros(groups * g.pieces_of_group()), dc = db;
    PoolVector<double> da(static_cast<std::size_t>(matrix * g.batch), 0.0);
    const bool has_state = this->input_count() > in_state;
    if (has_state) dinitial = zeros(g.batch * matrix);
    const PoolVector<T> a = transposed(this->input(in_a).data, g.channels, g.states);
    const SelectiveInputs<T> in = inputs(a.data());
    for_pieces(g, [&](index_t row, index_t piece, index_t number) {
      const index_t share = piece % g.pieces_of_group() * groups;
      const SelectiveGradients<T> to{dy,
                                     dstate,
                                     du.data(),
                                     ddelta.data(),
                                     db.data() + share,
                                     dc.data() + share,
                                     da.data() + row * matrix,
                                     has_state ? dinitial.data() : nullptr};
      SelectiveBack<T>(g, in, to, row, piece, kept_.data() + number * kept_size<T>(g)).run();
    });
    du.finish(), ddelta.finish();
    write(in_a, summed(da.data(), g.batch, matrix));
    write(in_b, summed(db.data(), g.pieces_of_group(), groups));
    write(in_c, summed(dc.data(), g.pieces_of_group(), groups));
    if (has_state) write(in_state, dinitial);
    if (!this->retaining()) kept_ = {};
  }

  // As ops of its own: slow, and with all states on the tape.
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    Subpass<T> pass;
    std::vector<Variable<T>> in, seeds;
    std::vector<TensorRef<T>> outside, roots;
    for (std::size_t k = 0; k < this->input_count(); ++k) {
      in.emplace_back(TensorRef<T>(&this->input(k)));
      outside.push_back(in.back().ref());
    }
    const auto results = as_ops(in);
    for (std::size_t k = 0; k < results.size(); ++k) {
      if (!dy[k] || !results[k].requires_grad()) continue;
      roots.push_back(results[k].ref()), seeds.push_back(dy[k]);
    }
    return pass.record_backward(roots, seeds, outside);
  }
  std::string name() const override { return selective_name; }
  std::vector<Variable<T>> as_ops(const std::vector<Variable<T>>& in) const override;

 private:
  SelectiveInputs<T> inputs(const T* a) const {
    return {this->input(in_u).data,
            this->input(in_delta).data,
            this->input(in_b).data,
            this->input(in_c).data,
            a,
            this->input_count() > in_state ? this->input(in_state).data : nullptr};
  }
  template <class N>
  static PoolVector<T> summed(const N* parts, index_t count, index_t size) {
    PoolVector<T> sums(static_cast<std::size_t>(size));
    for (index_t i = 0; i < size; ++i) {
      double sum = 0;
      for (index_t p = 0; p < count; ++p) sum += static_cast<double>(parts[p * size + i]);
      sums[static_cast<std::size_t>(i)] = static_cast<T>(sum);
    }
    return sums;
  }
  void write(std::size_t k, const PoolVector<T>& gradient) {
    const auto size = static_cast<index_t>(gradient.size());
    if (this->wants(k)) write_gradient(this->input(k), gradient.data(), size, size);
  }

  SelectiveGrid grid_;
  PoolVector<T> kept_;
  RecurrenceOptions rows_;
};

template <class T>
std::vector<Variable<T>> SelectiveScanNode<T>::as_ops(const std::vector<Variable<T>>& in) const {
  const SelectiveGrid& g = grid_;
  const Shape channels{g.steps, g.batch, g.groups, g.group_channels(), 1},
      states{g.steps, g.batch, g.groups, 1, g.states},
      all{g.steps, g.batch, g.groups, g.group_channels(), g.states};
  const auto of_channels = [&](std::size_t k) { return reshape(in[k], channels); };
  const auto of_states = [&](std::size_t k) { return reshape(in[k], states); };
  const Variable<T> decay = exp(of_channels(in_delta) * reshape(in[in_a], all.with(0, 1).with(1, 1)));
  const Variable<T> added = of_channels(in_delta) * of_channels(in_u) * of_states(in_b);
  const Shape state = all.without(0), result{g.batch, g.channels, g.states};
  const Variable<T> h0 = in.size() > in_state ? reshape(in[in_state], state) : Variable<T>(state, T{0});
  const auto h = linear_recurrence(decay, added, h0, rows_);
  const Variable<T> y = sum(h.output * of_states(in_c), {4});
  return {reshape(y, {g.steps, g.batch, g.channels}), reshape(h.state, result)};
}

template <class T>
SelectiveGrid selective_grid(const Variable<T>& u, const Variable<T>& delta, const Variable<T>& a,
                             const Variable<T>& b, const Variable<T>& c, const SelectiveScanOptions<T>& o) {
  const Variable<T>* const all[] = {&u, &delta, &a, &b, &c};
  for (std::size_t k = 0; k < 5; ++k)
    if (!*all[k]) fail_empty(selective_name, k);
  const auto need = [&](bool fits) {
    if (fits) return;
    raise<ShapeError>(
        "{}: need u and delta (T, B, D), a (D, N), b and c (T, B, N) or (T, B, G, N) with D a multiple of G; "
        "got u {}, "
        "delta {}, a {}, b {}, c {}",
        selective_name, u.shape().str(), delta.shape().str(), a.shape().str(), b.shape().str(),
        c.shape().str());
  };
  const Shape &s = u.shape(), &of_b = b.shape();
  need(s.rank() == 3 && delta.shape() == s && a.rank() == 2 && a.shape()[0] == s[2] && c.shape() == of_b);
  need((of_b.rank() == 3 || of_b.rank() == 4) && of_b[0] == s[0] && of_b[1] == s[1] &&
       of_b.back(0) == a.shape()[1]);
  const index_t groups = of_b.rank() == 4 ? of_b[2] : 1;
  need(groups > 0 && s[2] % groups == 0);
  const Shape state{s[1], s[2], a.shape()[1]};
  if (o.state && !(o.state.shape() == state))
    raise<ShapeError>("{}: need a state {}; got {}", selective_name, state.str(), o.state.shape().str());
  const RecurrenceOptions rows{.lengths = o.lengths, .resets = o.resets};
  check_sequences(selective_name, s, rows);
  return {s[0], s[1], s[2], groups, a.shape()[1], row_starts(s, rows)};
}

}  // namespace
}  // namespace detail

template <class T>
SelectiveScanResult<T> selective_scan(const Variable<T>& u, const Variable<T>& delta, const Variable<T>& a,
                                      const Variable<T>& b, const Variable<T>& c,
                                      const SelectiveScanOptions<T>& options) {
  using namespace detail;
  SelectiveGrid grid = selective_grid(u, delta, a, b, c, options);
  const Shape state_shape{grid.batch, grid.channels, grid.states};
  std::vector<Variable<T>> in = {dense(u), dense(delta), dense(a), dense(b), dense(c)};
  if (options.state) in.push_back(dense(options.state));
  PoolVector<Tensor<T>*> tensors;
  for (const Variable<T>& v : in) tensors.push_back(v.tensor());
  const bool recorded = begin_op<T>(selective_name, tensors);
  Variable<T> y(Tape<T>::local().allocate_output(u.shape())), last = Variable<T>::uninitialised(state_shape);
  const PoolVector<T> transposed_a = transposed(in[in_a].tensor()->data, grid.channels, grid.states);
  const SelectiveInputs<T> data{
      in[in_u].tensor()->data, in[in_delta].tensor()->data,
      in[in_b].tensor()->data, in[in_c].tensor()->data,
      transposed_a.data(),     options.state ? in[in_state].tensor()->data : nullptr};
  PoolVector<T> kept;
  if (recorded) kept.resize(static_cast<std::size_t>(kept_size<T>(grid) * grid.batch * grid.pieces()));
  for_pieces(grid, [&](index_t row, index_t piece, index_t number) {
    selective_forward<T>(grid, data, row, piece, y.tensor()->data, last.tensor()->data,
                         recorded ? kept.data() + number * kept_size<T>(grid) : nullptr);
  });
  if (recorded) {
    const Variable<T> outputs[] = {y, last};
    const auto node = record_op<SelectiveScanNode<T>>(
        tensors, outputs, grid, std::move(kept),
        RecurrenceOptions{.lengths = options.lengths, .resets = options.resets});
    if (AnomalyMode::active()) check_anomaly<T>(*node, *y.tensor());
  }
  return {std::move(y), std::move(last)};
}

UNROLL_COMPILE_FUNCTIONS(selective_scan)

}  // namespace unroll
