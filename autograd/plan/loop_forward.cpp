#include "unroll/detail/autograd/plan/loop_forward.hpp"

#include <algorithm>

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/ops/linear_products.hpp"

namespace unroll::detail {

template <class T>
LoopForward<T>::LoopForward(LoopValues<T>& values) : values_(values), program_(values.program()) {
  for (const Kernel& k : program_.kernels)
    if (k.kind != Kernel::Kind::parts) add_call(k);
  join_calls();
}

template <class T>
void LoopForward<T>::add_call(const Kernel& k) {
  const bool fused = k.kind == Kernel::Kind::fused;
  const index_t whole = fused ? (k.size + k.code->width - 1) / k.code->width * k.code->width : k.size;
  calls_.push_back({&k, pointers_.size(), whole, 1, 0});
  for (const LoopPlace& p : k.in) {
    if (const std::optional<index_t> offset = program_.offset_in_input(p))
      of_x_.emplace_back(pointers_.size(), *offset);
    pointers_.push_back(values_.at(p, 0));
    strides_.push_back(values_.stride(p));
    masks_.push_back(program_.size_of(p) == k.size ? -1 : 0);
  }
  for (std::size_t v : k.out) {
    const LoopPlace place{LoopPlace::Kind::value, v};
    pointers_.push_back(v == Kernel::unused ? values_.spare() : values_.at(place, 0));
    strides_.push_back(v == Kernel::unused ? 0 : values_.stride(place));
    masks_.push_back(-1);
  }
}

template <class T>
void LoopForward<T>::join_calls() {
  for (std::size_t n = 0; n < calls_.size(); n += calls_[n].joins) {
    Call& call = calls_[n];
    const auto number = static_cast<std::size_t>(call.kernel - program_.kernels.data());
    call.joins = joinable_kernels(program_, number);
    if (call.joins == 1) continue;
    call.join = joins_.size();
    LoopJoin<T>& join = joins_.emplace_back(*call.kernel, call.joins);
    const std::size_t inputs = call.kernel->in.size();
    for (std::size_t i = 0; i < call.joins; ++i) {
      const std::size_t first = calls_[n + i].first;
      for (std::size_t k = 0; k < inputs; ++k) {
        T* const place = join.place(join.inputs[k], i);
        if (strides_[first + k] == 0)
          join.take_once(pointers_[first + k], masks_[first + k], place);
        else
          join.take(&pointers_[first + k], place);
      }
      for (std::size_t m = 0; m < call.kernel->out.size(); ++m)
        join.give(join.place(join.outputs[m], i), false, &pointers_[first + inputs + m]);
    }
  }
}

template <class T>
void LoopForward<T>::run() {
  T** const pointers = pointers_.data();
  const index_t* const strides = strides_.data();
  for (index_t step = 0; step < values_.steps(); ++step) {
    read_x(step);
    for (std::size_t n = 0; n < calls_.size(); n += calls_[n].joins)
      calls_[n].joins > 1 ? compute_joined(calls_[n]) : compute(calls_[n]);
    values_.publish(step);
    for (std::size_t n = 0; n < pointers_.size(); ++n) pointers[n] += strides[n];
  }
}

template <class T>
void LoopForward<T>::read_x(index_t step) {
  T* const from = values_.x_at(step);
  for (const auto& [n, offset] : of_x_) pointers_[n] = from + offset;
}

template <class T>
void LoopForward<T>::compute(const Call& call) {
  const Kernel& k = *call.kernel;
  T** const in = pointers_.data() + call.first;
  T** const out = in + k.in.size();
  if (k.kind == Kernel::Kind::affine) return compute_affine(k, in, *out);
  k.code->forward(k.numbers.data(), masks_.data() + call.first, in, call.size, out);
}

template <class T>
void LoopForward<T>::compute_joined(const Call& call) {
  const Kernel& k = *call.kernel;
  const LoopJoin<T>& join = joins_[call.join];
  join.move_in();
  k.code->forward(k.numbers.data(), all_along.data(), join.inputs.data(), join.whole(), join.outputs.data());
  join.move_out();
}

template <class T>
void LoopForward<T>::compute_affine(const Kernel& k, T* const* in, T* y) {
  bool add = k.has_addend;
  if (add) std::copy_n(in[0], k.size, y);
  const index_t outputs = program_.constants[k.in[k.terms[0].w].number]->shape[0], rows = k.size / outputs;
  for (const auto& term : k.terms) {
    if (term.b == 0) continue;
    add_rows<T>(in[term.b], rows, outputs, y, add);
    add = true;
  }
  for (const auto& term : k.terms) {
    Tensor<T>& w = *program_.constants[k.in[term.w].number];
    product<T>(in[term.x], MatrixLayout<T>(rows, w.shape[1], w.shape[1]), w, add ? T{1} : T{0}, y,
               packed_in(k.precision));
    add = true;
  }
}

UNROLL_COMPILE_TYPES(class LoopForward)

}  // namespace unroll::detail
