#include "unroll/detail/autograd/plan/loop_backward.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/deferred.hpp"
#include "unroll/detail/autograd/fused/walk.hpp"
#include "unroll/detail/autograd/ops/linear_products.hpp"

namespace unroll::detail {
namespace {

using PlaceKind = LoopPlace::Kind;

}  // namespace

template <class T>
LoopBackward<T>::LoopBackward(const LoopValues<T>& values, LoopGradients<T> gradients)
    : values_(values), program_(values.program()), cells_(values, std::move(gradients)) {
  make_calls();
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
    if (k.has_addend) call.writes[0] = !(k.shares_gradient && cells_.shares_x());
    for (const auto& term : k.terms) call.writes[term.x] = 1;
    if (fused) call.size = (k.size + k.code->width - 1) / k.code->width * k.code->width;
    for (const LoopPlace& p : k.in) {
      call.in.push_back(cells_.number_of(p));
      call.exact = call.exact || (cells_[call.in.back()].wanted && cells_[call.in.back()].tight);
      if (const std::optional<index_t> offset = program_.offset_in_input(p))
        of_x_.emplace_back(pointers_.size(), *offset);
      pointers_.push_back(values_.at(p, last));
      strides_.push_back(values_.stride(p));
      masks_.push_back(program_.size_of(p) == k.size ? -1 : 0);
    }
    for (std::size_t v : k.out) {
      call.out.push_back(v == Kernel::unused ? none : cells_.number_of({PlaceKind::value, v}));
      call.exact = call.exact || (v != Kernel::unused && cells_[call.out.back()].tight);
    }
  }
}

template <class T>
void LoopBackward<T>::run() {
  cells_.start();
  // Who stores and who adds depends on what was written before the step. Once that repeats, so do the steps, but for the
  // one that writes to what was carried into the loop.
  std::vector<bool> before;
  bool alike = false;
  for (index_t step = values_.steps() - 1; step >= 0; --step) {
    read_x(step);
    if (alike && step > 0) {
      repeat(step);
      continue;
    }
    if (alike) cells_.set_written(before);
    cells_.begin_step(step);
    std::vector<bool> now = cells_.written();
    alike = step > 0 && now == before && !cells_.take_filled();
    before = std::move(now);
    for (std::size_t k = calls_.size(); k-- > 0;) {
      prepare(calls_[k]);
      if (calls_[k].done) compute(calls_[k], step);
    }
    cells_.end_step(step);
    move_back();
    alike = !cells_.take_filled() && alike;
    if (alike) find_moving(), join_calls();
  }
  cells_.finish();
}

// Finds out what comes in and where it goes.
template <class T>
void LoopBackward<T>::prepare(Call& call) {
  call.done = false;
  if (call.kernel->kind == Kernel::Kind::parts) {
    cells_.read(cells_[call.in[0]]);  // what nobody wrote is 0 from now on
    return;
  }
  for (std::size_t m = 0; m < call.out.size(); ++m) {
    call.out_grad[m] = call.out[m] == none ? nullptr : cells_.read(cells_[call.out[m]]);
    call.done = call.done || call.out_grad[m];
  }
  if (!call.done) return;
  for (std::size_t n = 0; n < call.in.size(); ++n) {
    LoopCell<T>& c = cells_[call.in[n]];
    Sink<T>& sink = call.sinks[n];
    sink = {nullptr, -1, false};
    if (c.wanted && call.writes[n]) sink.data = cells_.write(c, call.kernel->reshaped[n] != 0, sink.add);
  }
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
    const Ref<Block> dy_storage = hold(cells_.storage_of(k));
    if (const Sink<T>& x = call.sinks[term.x]; x.data)
      product_back<T>(dy, rows, w, {x.data, rows.count * cols, rows.count * cols, x.add},
                      packed_in(k.precision));
    if (cells_[call.in[term.w]].wanted) {
      const LoopPlace& place = k.in[term.x];
      const bool constant = place.kind == PlaceKind::constant;
      const T* const x = constant ? program_.constants[place.number]->data : values_.at(place, step);
      defer<T>(w, {hold(values_.storage(place)), x, cols, dy_storage, dy, rows.count, k.precision});
    }
    if (term.b && cells_[call.in[term.b]].wanted)
      defer<T>(*program_.constants[k.in[term.b].number], {{}, nullptr, 0, dy_storage, dy, rows.count});
  }
  call.held = true;
}

// What the step before did, a step further back.
template <class T>
void LoopBackward<T>::repeat(index_t step) {
  cells_.begin_repeated(step);
  for (std::size_t end = calls_.size(); end > 0;) {
    const std::size_t first = calls_[end - 1].joined_from;
    if (first + 1 < end)
      compute_joined(calls_[first], *joins_[first]);
    else if (calls_[first].done)
      compute(calls_[first], step);
    end = first;
  }
  cells_.end_repeated(step);
  move_back();
  for (const auto& [pointer, stride] : moving_) *pointer -= stride;
}

// Which of the pointers that the calls remember go from step to step.
template <class T>
void LoopBackward<T>::find_moving() {
  for (Call& call : calls_) {
    if (!call.done) continue;
    for (std::size_t m = 0; m < call.out.size(); ++m) {
      if (!call.out_grad[m]) continue;
      const LoopCell<T>& c = cells_[call.out[m]];
      call.out_grad[m] = c.data;
      if (c.stride != 0) moving_.emplace_back(&call.out_grad[m], c.stride);
    }
    for (std::size_t n = 0; n < call.in.size(); ++n) {
      if (!call.sinks[n].data) continue;
      const LoopCell<T>& c = cells_[call.in[n]];
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

UNROLL_COMPILE_TYPES(class LoopBackward)

}  // namespace unroll::detail
