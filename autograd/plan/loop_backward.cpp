#include "unroll/detail/autograd/plan/loop_backward.hpp"

#include <algorithm>
#include <cstring>

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/deferred.hpp"
#include "unroll/detail/autograd/fused/walk.hpp"
#include "unroll/detail/autograd/ops/linear_products.hpp"

namespace unroll::detail {
namespace {

using PlaceKind = LoopPlace::Kind;

// Without a call of the library: there are few. Nobody may look behind them.
template <class T>
void copy_exactly(const T* from, index_t size, T* to) {
  constexpr index_t lanes = 64 / sizeof(T);
  if (size < lanes) {
    for (index_t j = 0; j < size; ++j) to[j] = from[j];
    return;
  }
  for (index_t j = 0; j + lanes <= size; j += lanes) std::memcpy(to + j, from + j, 64);
  std::memcpy(to + size - lanes, from + size - lanes, 64);  // the rest, and some once more
}

}  // namespace

template <class T>
LoopBackward<T>::LoopBackward(const LoopValues<T>& values, LoopGradients<T> gradients)
    : values_(values), program_(values.program()), to_(std::move(gradients)) {
  cells_.resize(1 + program_.carried.size() + program_.values.size() + program_.constants.size());
  want();
  make_cells();
  place_products();
  place_parts();
  make_calls();
}

template <class T>
std::size_t LoopBackward<T>::number_of(const LoopPlace& p) const {
  const std::size_t carried = program_.carried.size(), values = program_.values.size();
  switch (p.kind) {
    case PlaceKind::input:
      return 0;
    case PlaceKind::before:
      return 1 + p.number;
    case PlaceKind::value:
      return 1 + carried + p.number;
    case PlaceKind::constant:
      break;
  }
  return 1 + carried + values + p.number;
}

// Whether a gradient that the pass starts from comes to the input of a step.
template <class T>
bool LoopBackward<T>::reaches_input() const {
  std::vector<char> reached(cells_.size(), 0);
  const auto reach = [&](const LoopPlace& p) -> char& { return reached[number_of(p)]; };
  for (std::size_t c = 0; c < program_.carried.size(); ++c)
    reach({PlaceKind::value, program_.carried[c]}) = to_.carried[c] || (to_.hidden && c == program_.output);
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t n = program_.kernels.size(); n-- > 0;) {
      const Kernel& k = program_.kernels[n];
      const auto is_reached = [&](std::size_t v) {
        return v != Kernel::unused && reach({PlaceKind::value, v});
      };
      if (!std::any_of(k.out.begin(), k.out.end(), is_reached)) continue;
      for (const LoopPlace& p : k.in) reach(p) = 1;
    }
    for (std::size_t c = 0; c < program_.carried.size(); ++c) {
      char& value = reach({PlaceKind::value, program_.carried[c]});
      if (value || !reach({PlaceKind::before, c})) continue;
      value = 1;
      changed = true;
    }
  }
  return reached[0] != 0;
}

// Whatever lies between a result and something whose gradient is wanted.
template <class T>
void LoopBackward<T>::want() {
  if (!reaches_input()) to_.x = nullptr;
  cells_[0].wanted = to_.x != nullptr;
  for (std::size_t c = 0; c < to_.before.size(); ++c)
    cell({PlaceKind::before, c}).wanted = to_.before[c] != nullptr;
  for (std::size_t n = 0; n < to_.constants.size(); ++n) {
    Cell& c = cell({PlaceKind::constant, n});
    c.tensor = to_.constants[n];
    c.wanted = c.tensor != nullptr;
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (const Kernel& k : program_.kernels) {
      const auto is_wanted = [this](const LoopPlace& p) { return cell(p).wanted; };
      if (!std::any_of(k.in.begin(), k.in.end(), is_wanted)) continue;
      for (std::size_t v : k.out)
        if (v != Kernel::unused) cell({PlaceKind::value, v}).wanted = true;
    }
    for (std::size_t c = 0; c < program_.carried.size(); ++c) {
      Cell& before = cell({PlaceKind::before, c});
      if (before.wanted || !cell({PlaceKind::value, program_.carried[c]}).wanted) continue;
      before.wanted = changed = true;
    }
  }
}

// Each has room for whole batches; but x, which lies where it goes, unless batches do not fit there.
template <class T>
void LoopBackward<T>::make_cells() {
  const index_t unit = program_.input.size();
  index_t size = 0;
  const auto reserve = [&size](Cell& c) {
    c.stride = size;  // until there is memory
    size += with_whole_batches<T>(c.size);
  };
  cells_[0].size = unit;
  reserve(cells_[0]);
  for (std::size_t c = 0; c < program_.carried.size(); ++c) {
    Cell& before = cell({PlaceKind::before, c});
    before.size = program_.values[program_.carried[c]].shape.size();
    reserve(before);
  }
  for (std::size_t v = 0; v < program_.values.size(); ++v) {
    Cell& value = cell({PlaceKind::value, v});
    value.size = program_.values[v].shape.size();
    reserve(value);
  }
  for (std::size_t n = 0; n < program_.constants.size(); ++n) {
    Cell& constant = cell({PlaceKind::constant, n});
    constant.size = program_.constants[n]->shape.size();
    if (constant.wanted) reserve(constant);
  }
  room_ = Ref<Block>(Block::allocate(bytes_of<T>(size)));
  for (Cell& c : cells_) c.data = static_cast<T*>(room_->data()) + std::exchange(c.stride, 0);

  if (!to_.x) return;
  x_slot_ = open_grad(*to_.x);
  x_is_copied_ = unit % program_.width() != 0 || x_slot_.run != values_.steps() * unit;
}

// The gradients of what products make are kept for those of the weights: in the gradient of x, as for recorded nodes,
// or in memory of their own, where those of two steps never lie one behind the other.
template <class T>
void LoopBackward<T>::place_products() {
  const index_t unit = program_.input.size(), last = values_.steps() - 1;
  const index_t x_stride = values_.reverse() ? -unit : unit;
  const bool contiguous = to_.x && x_slot_.run == values_.steps() * unit;
  T* const x_last = contiguous ? x_slot_.data + values_.in_memory(last) * unit : nullptr;
  index_t step_size = 0;
  std::vector<Cell*> kept;
  for (const Kernel& k : program_.kernels) {
    if (k.kind != Kernel::Kind::affine || k.out[0] == Kernel::unused) continue;
    Cell& y = cell({PlaceKind::value, k.out[0]});
    if (k.shares_gradient && contiguous && !x_slot_.add) {
      y.data = x_last;
      y.stride = x_stride;
      y.tight = unit % program_.width() != 0;
      x_is_shared_ = true;
    } else {
      y.stride = step_size;
      step_size += with_whole_batches<T>(y.size) + with_whole_batches<T>(1);
      kept.push_back(&y);
    }
  }
  if (step_size > 0) kept_ = Ref<Block>(Block::allocate(bytes_of<T>(values_.steps() * step_size)));
  for (Cell* y : kept) {
    y->data = static_cast<T*>(kept_->data()) + last * step_size + y->stride;
    y->stride = step_size;
  }
  if (x_is_shared_) {
    const Tensor<T>* t = to_.x;
    while (!t->grad_storage) t = &t->creator->input(0);
    x_storage_ = t->grad_storage;
  }
  if (!to_.x || x_is_shared_ || x_is_copied_) return;
  cells_[0].data = x_last;
  cells_[0].stride = x_stride;
}

template <class T>
void LoopBackward<T>::place_parts() {
  const index_t width = program_.width();
  for (std::size_t v = 0; v < program_.values.size(); ++v) {
    const LoopValue& value = program_.values[v];
    if (!value.whole) continue;
    Cell& part = cell({PlaceKind::value, v});
    part.whole = number_of(*value.whole);
    Cell& whole = cells_[part.whole];
    whole.parts.push_back(number_of({PlaceKind::value, v}));
    part.data = whole.data + value.offset;
    part.stride = whole.stride;
    part.tight = whole.tight || value.offset % width != 0 || part.size % width != 0;
  }
  for (std::size_t n = 0; n < cells_.size(); ++n)
    if (cells_[n].stride != 0) strided_.push_back(n);
}

template <class T>
void LoopBackward<T>::make_calls() {
  const index_t last = values_.steps() - 1;
  for (const Kernel& k : program_.kernels) {
    const bool fused = k.kind == Kernel::Kind::fused;
    if (k.kind == Kernel::Kind::parts && k.in[0].kind != PlaceKind::constant) continue;
    Call& call = calls_.emplace_back(Call{.kernel = &k,
                                          .first = pointers_.size(),
                                          .exact = false,
                                          .size = k.size,
                                          .in = {},
                                          .out = {},
                                          .writes = {}});
    call.out_grad.resize(k.out.size());
    call.sinks.resize(k.in.size());
    call.writes.assign(k.in.size(), fused);
    if (k.has_addend) call.writes[0] = !(k.shares_gradient && x_is_shared_);
    for (const auto& term : k.terms) call.writes[term.x] = 1;
    if (fused) call.size = (k.size + k.code->width - 1) / k.code->width * k.code->width;
    for (const LoopPlace& p : k.in) {
      call.in.push_back(number_of(p));
      call.exact = call.exact || (cells_[call.in.back()].wanted && cells_[call.in.back()].tight);
      if (const std::optional<index_t> offset = program_.offset_in_input(p))
        of_x_.emplace_back(pointers_.size(), *offset);
      pointers_.push_back(values_.at(p, last));
      strides_.push_back(values_.stride(p));
      masks_.push_back(program_.size_of(p) == k.size ? -1 : 0);
    }
    for (std::size_t v : k.out) {
      call.out.push_back(v == Kernel::unused ? none : number_of({PlaceKind::value, v}));
      call.exact = call.exact || (v != Kernel::unused && cells_[call.out.back()].tight);
    }
  }
}

// Reads what the tensor's gradient has already.
template <class T>
void LoopBackward<T>::open(Cell& c) {
  c.open = true;
  const GradSlot<T> slot = open_grad(*c.tensor);
  c.written = slot.add;
  if (slot.add) write_gradient<T>({c.data, c.size, c.size, false}, c.size, slot.data, slot.run, slot.pitch);
}

/// Where the next contribution goes: stored unless `add`.
template <class T>
T* LoopBackward<T>::write(Cell& c, bool from_zero, bool& add) {
  Cell* const whole = c.whole == none ? nullptr : &cells_[c.whole];
  Cell& owner = whole ? *whole : c;
  if (owner.tensor && !owner.open) open(owner);
  add = c.written || owner.written;
  if (!add && from_zero) {
    std::fill_n(c.data, c.size, T{0});
    add = filled_ = true;
  }
  c.written = true;
  return c.data;
}

/// The whole gradient, 0 where nobody wrote; null where nobody wrote anything.
template <class T>
const T* LoopBackward<T>::read(Cell& c) {
  if (c.written) return c.data;
  const auto is_written = [this](std::size_t p) { return cells_[p].written; };
  if (std::none_of(c.parts.begin(), c.parts.end(), is_written)) return nullptr;
  // The parts of one cut cover the whole; those that nobody reads have no cell.
  index_t at = 0;
  for (std::size_t p : c.parts) {
    const index_t begin = cells_[p].data - c.data;
    filled_ = filled_ || at < begin || !cells_[p].written;
    std::fill(c.data + at, c.data + begin, T{0});
    if (!cells_[p].written) std::fill_n(cells_[p].data, cells_[p].size, T{0});
    at = begin + cells_[p].size;
  }
  filled_ = filled_ || at < c.size;
  std::fill(c.data + at, c.data + c.size, T{0});
  c.written = true;
  return c.data;
}

template <class T>
void LoopBackward<T>::start(Cell& c, const T* from, bool add) {
  if (add)
    store_or_add<T>(c.data, c.size, true, from);
  else
    copy_exactly(from, c.size, c.data);
  c.written = true;
}

template <class T>
void LoopBackward<T>::close(Cell& c) {
  const bool is_open = c.open && read(c);
  if (is_open) {
    GradSlot<T> to = grad_layout(*c.tensor);
    to.add = false;
    write_gradient<T>(to, c.size, c.data, c.size, c.size);
  }
}

template <class T>
void LoopBackward<T>::run() {
  const index_t last = values_.steps() - 1;
  const std::size_t output = program_.carried[program_.output];
  for (std::size_t c = 0; c < program_.carried.size(); ++c)
    if (to_.carried[c]) start(cell({PlaceKind::value, program_.carried[c]}), to_.carried[c], false);
  if (to_.hidden) {
    Cell& h = cell({PlaceKind::value, output});
    start(h, to_.hidden + values_.in_memory(last) * h.size, h.written);
  }
  // Who stores and who adds depends on what was written before the step. Once that repeats, so do the steps, but for the
  // one that writes to what was carried into the loop.
  std::vector<bool> before;
  bool alike = false;
  for (index_t step = last; step >= 0; --step) {
    if (alike && step > 0) {
      repeat(step);
      continue;
    }
    if (alike) set_written(before);
    begin_step(step);
    std::vector<bool> now = written();
    alike = step > 0 && now == before && !filled_;
    before = std::move(now);
    filled_ = false;
    for (std::size_t k = calls_.size(); k-- > 0;) run(calls_[k], step);
    end_step(step);
    alike = alike && !filled_;
    if (alike) find_moving(), join_calls();
  }
  for (std::size_t n = 0; n < program_.constants.size(); ++n) close(cell({PlaceKind::constant, n}));
}

// What the step before did, a step further back.
template <class T>
void LoopBackward<T>::repeat(index_t step) {
  begin_x(step);
  read_x(step);
  if (to_.hidden) {
    Cell& h = cell({PlaceKind::before, program_.output});
    copy_exactly(to_.hidden + values_.in_memory(step - 1) * h.size, h.size, h.data);
  }
  for (std::size_t end = calls_.size(); end > 0;) {
    const std::size_t first = calls_[end - 1].joined_from;
    if (first + 1 < end)
      compute_joined(calls_[first], *joins_[first]);
    else if (calls_[first].done)
      compute(calls_[first], step);
    end = first;
  }
  if (to_.x && !x_is_shared_) {
    cells_[0].written = x_done_;
    end_x(step);
  }
  move_back();
  for (const auto& [pointer, stride] : moving_) *pointer -= stride;
  for (const auto& [from, to] : carried_done_)
    copy_exactly<T>(cells_[from].data, cells_[from].size, cells_[to].data);
}

// Which of the pointers that the calls remember go from step to step.
template <class T>
void LoopBackward<T>::find_moving() {
  for (Call& call : calls_) {
    if (!call.done) continue;
    for (std::size_t m = 0; m < call.out.size(); ++m) {
      if (!call.out_grad[m]) continue;
      const Cell& c = cells_[call.out[m]];
      call.out_grad[m] = c.data;
      if (c.stride != 0) moving_.emplace_back(&call.out_grad[m], c.stride);
    }
    for (std::size_t n = 0; n < call.in.size(); ++n) {
      if (!call.sinks[n].data) continue;
      const Cell& c = cells_[call.in[n]];
      call.sinks[n].data = c.data;
      if (c.stride != 0) moving_.emplace_back(const_cast<const T**>(&call.sinks[n].data), c.stride);
    }
  }
}

// Kernels of few elements that are done as one, if there is a gradient for each.
template <class T>
void LoopBackward<T>::join_calls() {
  joins_.resize(calls_.size());
  for (std::size_t n = 0; n < calls_.size(); ++n) calls_[n].joined_from = n;
  for (std::size_t n = 0; n < calls_.size();) {
    const Call& call = calls_[n];
    const auto number = static_cast<std::size_t>(call.kernel - program_.kernels.data());
    const std::size_t count = joinable_kernels(program_, number);
    bool all = count > 1;
    for (std::size_t i = 0; i < count; ++i)
      for (const T* dy : calls_[n + i].out_grad) all = all && calls_[n + i].done && dy;
    if (all) {
      LoopJoin<T>& join = joins_[n].emplace(*call.kernel, count);
      for (std::size_t i = count; i-- > 0;) join_call(join, i, n);
    }
    n += count;
  }
}

// Call i of those from `first` on.
template <class T>
void LoopBackward<T>::join_call(LoopJoin<T>& join, std::size_t i, std::size_t first) {
  Call& call = calls_[first + i];
  call.joined_from = first;
  for (std::size_t n = 0; n < call.in.size(); ++n) {
    const std::size_t pointer = call.first + n;
    T* const place = join.place(join.inputs[n], i);
    if (strides_[pointer] == 0)
      join.take_once(pointers_[pointer], masks_[pointer], place);
    else
      join.take(&pointers_[pointer], place);
    const Sink<T>& sink = call.sinks[n];
    if (sink.data) join.give(join.place(join.gradients[n], i), sink.add, &sink.data);
  }
  for (std::size_t m = 0; m < call.out.size(); ++m)
    join.take(&call.out_grad[m], join.place(join.output_gradients[m], i));
}

template <class T>
void LoopBackward<T>::compute_joined(const Call& call, const LoopJoin<T>& join) {
  const Kernel& k = *call.kernel;
  Sink<T> sinks[max_fused_inputs];
  for (std::size_t n = 0; n < k.in.size(); ++n) sinks[n] = {join.gradients[n], -1, false};
  join.move_in();
  k.code->backward(k.numbers.data(), all_along.data(), join.inputs.data(), join.whole(),
                   join.output_gradients.data(), sinks);
  join.move_out();
}

template <class T>
void LoopBackward<T>::set_written(const std::vector<bool>& flags) {
  for (std::size_t n = 0; n < cells_.size(); ++n) cells_[n].written = flags[n];
}

template <class T>
std::vector<bool> LoopBackward<T>::written() const {
  std::vector<bool> flags;
  for (const Cell& c : cells_) flags.push_back(c.written);
  return flags;
}

template <class T>
void LoopBackward<T>::begin_step(index_t step) {
  begin_x(step);
  read_x(step);
  if (step == 0) {
    for (std::size_t c = 0; c < program_.carried.size(); ++c) {
      Cell& before = cell({PlaceKind::before, c});
      before.tensor = to_.before[c];
      before.wanted = before.tensor != nullptr;
      before.written = false;
    }
  } else if (to_.hidden) {
    Cell& h = cell({PlaceKind::before, program_.output});
    start(h, to_.hidden + values_.in_memory(step - 1) * h.size, false);
  }
}

template <class T>
void LoopBackward<T>::end_step(index_t step) {
  end_x(step);
  if (step == 0) {
    for (std::size_t c = 0; c < program_.carried.size(); ++c) close(cell({PlaceKind::before, c}));
    return;
  }
  move_back();
  for (std::size_t c = 0; c < program_.carried.size(); ++c)
    read(cell({PlaceKind::before, c}));  // also of parts
  const std::size_t values = 1 + program_.carried.size(), constants = values + program_.values.size();
  for (std::size_t n = values; n < constants; ++n) cells_[n].written = false;
  carried_done_.clear();
  for (std::size_t c = 0; c < program_.carried.size(); ++c) {
    Cell& before = cell({PlaceKind::before, c});
    const LoopPlace after{PlaceKind::value, program_.carried[c]};
    if (!std::exchange(before.written, false)) continue;
    start(cell(after), before.data, false);
    carried_done_.emplace_back(number_of({PlaceKind::before, c}), number_of(after));
  }
}

// What x's gradient has already, where the step writes to a copy.
template <class T>
void LoopBackward<T>::begin_x(index_t step) {
  if (!to_.x || x_is_shared_) return;
  Cell& x = cells_[0];
  x.written = x_slot_.add;
  if (!x_is_copied_ || !x_slot_.add) return;
  const index_t first = values_.in_memory(step) * x.size;
  for (index_t j = 0; j < x.size; ++j)
    x.data[j] = x_slot_.data[(first + j) / x_slot_.run * x_slot_.pitch + (first + j) % x_slot_.run];
}

template <class T>
void LoopBackward<T>::end_x(index_t step) {
  if (!to_.x) return;
  if (x_is_shared_) {
    for (const Call& call : calls_)
      if (call.kernel->shares_gradient)
        if (Cell& y = cells_[call.out[0]]; !read(y)) {
          std::fill_n(y.data, y.size, T{0});
          filled_ = true;
        }
    return;
  }
  Cell& x = cells_[0];
  const T* const dx = read(x);
  x_done_ = dx != nullptr;
  if (!x_is_copied_ && (dx || x_slot_.add)) return;
  const index_t first = values_.in_memory(step) * x.size;
  if (dx && x_slot_.run == values_.steps() * x.size) return copy_exactly(dx, x.size, x_slot_.data + first);
  for (index_t j = 0; j < x.size; ++j)
    x_slot_.data[(first + j) / x_slot_.run * x_slot_.pitch + (first + j) % x_slot_.run] = dx ? dx[j] : T{0};
}

template <class T>
void LoopBackward<T>::read_x(index_t step) {
  T* const from = values_.x_at(step);
  for (const auto& [n, offset] : of_x_) pointers_[n] = from + offset;
}

template <class T>
void LoopBackward<T>::move_back() {
  T** const pointers = pointers_.data();
  const index_t* const strides = strides_.data();
  for (std::size_t n = 0; n < pointers_.size(); ++n) pointers[n] -= strides[n];
  for (std::size_t n : strided_) cells_[n].data -= cells_[n].stride;
}

template <class T>
void LoopBackward<T>::run(Call& call, index_t step) {
  call.done = false;
  if (call.kernel->kind == Kernel::Kind::parts) {
    read(cells_[call.in[0]]);  // what nobody wrote is 0 from now on
    return;
  }
  for (std::size_t m = 0; m < call.out.size(); ++m) {
    call.out_grad[m] = call.out[m] == none ? nullptr : read(cells_[call.out[m]]);
    call.done = call.done || call.out_grad[m];
  }
  if (!call.done) return;
  for (std::size_t n = 0; n < call.in.size(); ++n) {
    Cell& c = cells_[call.in[n]];
    Sink<T>& sink = call.sinks[n];
    sink = {nullptr, -1, false};
    if (c.wanted && call.writes[n]) sink.data = write(c, call.kernel->reshaped[n] != 0, sink.add);
  }
  compute(call, step);
}

template <class T>
void LoopBackward<T>::compute(Call& call, index_t step) {
  const Kernel& k = *call.kernel;
  if (k.kind == Kernel::Kind::affine) return compute_affine(call, step);
  const T* const* row = pointers_.data() + call.first;
  const index_t* masks = masks_.data() + call.first;
  if (call.exact)
    backward_columns<T>(*k.code, k.numbers.data(), masks, row, k.size, call.out_grad.data(),
                        call.sinks.data());
  else
    k.code->backward(k.numbers.data(), masks, row, call.size, call.out_grad.data(), call.sinks.data());
}

template <class T>
void LoopBackward<T>::compute_affine(Call& call, index_t step) {
  const Kernel& k = *call.kernel;
  const T* const dy = call.out_grad[0];
  if (const Sink<T>& addend = call.sinks[0]; k.has_addend && addend.data)
    store_or_add<T>(addend.data, k.size, addend.add, dy);
  for (const auto& term : k.terms) {
    Tensor<T>& w = *program_.constants[k.in[term.w].number];
    const index_t cols = w.shape[1];
    const MatrixLayout<T> rows(k.size / w.shape[0], cols, cols);
    const auto hold = [&](const Ref<Block>& block) { return call.held ? Ref<Block>() : block; };
    const Ref<Block> dy_storage = hold(k.shares_gradient && x_is_shared_ ? x_storage_ : kept_);
    if (const Sink<T>& x = call.sinks[term.x]; x.data)
      product_back<T>(dy, rows, w, {x.data, rows.count * cols, rows.count * cols, x.add}, Way::packed);
    if (cells_[call.in[term.w]].wanted) {
      const LoopPlace& place = k.in[term.x];
      const bool constant = place.kind == PlaceKind::constant;
      const T* const x = constant ? program_.constants[place.number]->data : values_.at(place, step);
      defer<T>(w, {hold(values_.storage(place)), x, cols, dy_storage, dy, rows.count});
    }
    if (term.b && cells_[call.in[term.b]].wanted)
      defer<T>(*program_.constants[k.in[term.b].number], {{}, nullptr, 0, dy_storage, dy, rows.count});
  }
  call.held = true;
}

UNROLL_COMPILE_TYPES(class LoopBackward)

}  // namespace unroll::detail
