#include "unroll/detail/autograd/plan/loop_values.hpp"

#include <algorithm>

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/base/traffic_counts.hpp"

namespace unroll::detail {
namespace {

using PlaceKind = LoopPlace::Kind;

template <class T>
T* allocate_elements(Ref<Block>& block, index_t elements) {
  block = Ref<Block>(Block::allocate(bytes_of<T>(elements)));
  return static_cast<T*>(block->data());
}

}  // namespace

template <class T>
LoopValues<T>::LoopValues(std::shared_ptr<const Program> program, LoopInputs<T> inputs)
    : program_(std::move(program)), inputs_(std::move(inputs)), steps_(inputs_.x.shape()[0]) {
  unit_x_ = program_->input.size();
  unit_hidden_ = program_->values[program_->carried[program_->output]].shape.size();
  // Backwards in memory, whole batches would go over what is there already.
  hidden_in_place_ = !inputs_.reverse || unit_hidden_ % program_->width() == 0;
  place_values();
  copy_constants();
  begin();
}

template <class T>
void LoopValues<T>::place_values() {
  constexpr index_t unset = -1;
  value_at_.assign(program_->values.size(), unset);
  for (const LoopKernel<T>& k : program_->kernels) {
    if (k.kind == LoopKernel<T>::Kind::parts) continue;
    for (std::size_t v : k.out) {
      if (v == LoopKernel<T>::unused) continue;
      if (hidden_in_place_ && v == program_->carried[program_->output]) continue;
      value_at_[v] = step_size_;
      step_size_ += with_whole_batches<T>(k.size);
    }
    // Results that nobody reads are computed all the same, behind the others.
  }
  index_t rest = 0;
  bool products = false;
  for (const LoopKernel<T>& k : program_->kernels) {
    products = products || k.kind == LoopKernel<T>::Kind::affine;
    if (k.kind == LoopKernel<T>::Kind::fused &&
        std::find(k.out.begin(), k.out.end(), LoopKernel<T>::unused) != k.out.end())
      rest = std::max(rest, with_whole_batches<T>(k.size));
  }
  spare_at_ = step_size_;
  // Of products, the operands of two steps never lie one behind the other: what recorded nodes read does not, either.
  if (products && rest == 0) rest = with_whole_batches<T>(1);
  step_size_ += rest;
  allocate_elements<T>(block_, (steps_ + 1) * step_size_);
}

template <class T>
void LoopValues<T>::copy_constants() {
  std::vector<char> is_read(program_->constants.size(), 0);
  for (const LoopKernel<T>& k : program_->kernels)
    for (const LoopPlace& p : k.in)
      if (p.kind == PlaceKind::constant) is_read[p.number] = 1;
  for (const LoopKernel<T>& k : program_->kernels)  // weights are kept in an order of their own
    for (const auto& term : k.terms) is_read[k.in[term.w].number] = 0;
  index_t size = 0;
  for (std::size_t n = 0; n < is_read.size(); ++n) {
    constant_at_.push_back(size);
    if (is_read[n]) size += with_whole_batches<T>(program_->constants[n]->shape.size());
  }
  allocate_elements<T>(constants_, size);
  for (std::size_t n = 0; n < is_read.size(); ++n) {
    if (!is_read[n]) continue;
    const Tensor<T>& c = *program_->constants[n];
    const index_t count = c.shape.size();
    T* const end = constants_at(n) + with_whole_batches<T>(count);
    if (count == 1)
      std::fill(constants_at(n), end, *c.data);
    else
      std::fill(std::copy_n(c.data, count, constants_at(n)), end, T{0});
  }
}

// Step −1 has what is carried into the first.
template <class T>
void LoopValues<T>::begin() {
  for (std::size_t c = 0; c < program_->carried.size(); ++c) {
    const Tensor<T>& from = *inputs_.before[c].tensor();
    T* const to = at({PlaceKind::value, program_->carried[c]}, -1);
    if (to != from.data) std::copy_n(from.data, from.shape.size(), to);
  }
  const index_t width = program_->width();
  if (unit_x_ % width == 0) return;
  // The last slices in memory, beyond which whole batches would go.
  copied_ = std::min(steps_, 1 + (width + unit_x_ - 1) / unit_x_);
  T* const copy = allocate_elements<T>(x_copy_, copied_ * unit_x_ + width);
  std::fill_n(std::copy_n(inputs_.x.tensor()->data + (steps_ - copied_) * unit_x_, copied_ * unit_x_, copy),
              width, T{0});
}

template <class T>
T* LoopValues<T>::at(const LoopPlace& place, index_t step) const {
  switch (place.kind) {
    case PlaceKind::input:
      return inputs_.x.tensor()->data + in_memory(step) * unit_x_;
    case PlaceKind::before:
      return at({PlaceKind::value, program_->carried[place.number]}, step - 1);
    case PlaceKind::value: {
      const LoopValue& value = program_->values[place.number];
      if (value.whole) return at(*value.whole, step) + value.offset;
      if (hidden_in_place_ && place.number == program_->carried[program_->output])
        return inputs_.hidden + in_memory(step) * unit_hidden_;
      return static_cast<T*>(block_->data()) + (step + 1) * step_size_ + value_at_[place.number];
    }
    case PlaceKind::constant:
      break;
  }
  return constants_at(place.number);
}

template <class T>
index_t LoopValues<T>::stride(const LoopPlace& place) const {
  return place.kind == PlaceKind::constant ? 0 : at(place, 1) - at(place, 0);
}

template <class T>
const Ref<Block>& LoopValues<T>::storage(const LoopPlace& place) const {
  switch (place.kind) {
    case PlaceKind::input:
      return inputs_.x.tensor()->storage;
    case PlaceKind::before:
      return storage({PlaceKind::value, program_->carried[place.number]});
    case PlaceKind::value: {
      const LoopValue& value = program_->values[place.number];
      if (value.whole) return storage(*value.whole);
      const bool in_hidden = hidden_in_place_ && place.number == program_->carried[program_->output];
      return in_hidden ? inputs_.hidden_storage : block_;
    }
    case PlaceKind::constant:
      break;
  }
  return program_->constants[place.number]->storage;
}

template <class T>
T* LoopValues<T>::x_at(index_t step) const {
  const index_t in_copy = in_memory(step) - (steps_ - copied_);
  return in_copy >= 0 ? static_cast<T*>(x_copy_->data()) + in_copy * unit_x_
                      : at({PlaceKind::input, 0}, step);
}

template <class T>
void LoopValues<T>::publish(index_t step) {
  if (hidden_in_place_) return;
  const LoopPlace output{PlaceKind::value, program_->carried[program_->output]};
  std::copy_n(at(output, step), unit_hidden_, inputs_.hidden + in_memory(step) * unit_hidden_);
}

UNROLL_COMPILE_TYPES(class LoopValues)

}  // namespace unroll::detail
