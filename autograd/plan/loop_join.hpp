#pragma once  // internal
/// \file Equal kernels of few elements, done as one: where a state is many small members, one batch has several of them.

#include <cstring>

#include "unroll/detail/autograd/base/traffic_counts.hpp"
#include "unroll/detail/autograd/plan/loop_program.hpp"

namespace unroll::detail {

/// To the bit: 0 and −0 are not the same.
template <class T>
bool same_numbers(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// How many kernels from number `first` on can be done as one: the same expression of fewer elements than a batch has,
/// none of which reads what another computes. Below 4 it is not worth the copies.
template <class T>
std::size_t joinable_kernels(const LoopProgram<T>& program, std::size_t first) {
  using Kernel = LoopKernel<T>;
  const Kernel& k = program.kernels[first];
  constexpr std::size_t least = 4;
  if (k.kind != Kernel::Kind::fused || k.size >= k.code->width) return 1;
  std::vector<char> computed(program.values.size(), 0);
  std::size_t count = 0;
  for (; first + count < program.kernels.size(); ++count) {
    const Kernel& next = program.kernels[first + count];
    bool joins = next.kind == Kernel::Kind::fused && next.code == k.code &&
                 same_numbers(next.numbers, k.numbers) && next.size == k.size;
    for (LoopPlace p : next.in) {
      if (p.kind == LoopPlace::Kind::value && program.values[p.number].whole)
        joins = false;  // cuts end a group
      if (p.kind == LoopPlace::Kind::value && joins && computed[p.number]) joins = false;
    }
    for (std::size_t v : next.out) joins = joins && v != Kernel::unused;
    if (!joins) break;
    for (std::size_t v : next.out) computed[v] = 1;
  }
  return count < least ? 1 : count;
}

/// Room for the operands of kernels that are done as one: those of each kernel lie side by side.
template <class T>
class LoopJoin {
 public:
  LoopJoin(const LoopKernel<T>& kernel, std::size_t count)
      : size_(kernel.size),
        count_(count),
        whole_((kernel.size * static_cast<index_t>(count) + kernel.code->width - 1) / kernel.code->width *
               kernel.code->width),
        room_(Block::allocate(bytes_of<T>(whole_) * (2 * kernel.in.size() + 2 * kernel.out.size()))),
        inputs_(kernel.in.size()),
        outputs_(kernel.out.size()) {
    T* next = static_cast<T*>(room_->data());
    for (auto* list : {&inputs, &gradients, &outputs, &output_gradients}) {
      list->resize(list == &inputs || list == &gradients ? inputs_ : outputs_);
      for (T*& p : *list) p = std::exchange(next, next + whole_);
    }
    std::fill(static_cast<T*>(room_->data()), next, T{0});
  }

  /// Elements of whole batches.
  index_t whole() const { return whole_; }
  std::size_t count() const { return count_; }
  /// The place of kernel i in one of the lists' operands.
  T* place(T* operand, std::size_t i) const { return operand + static_cast<index_t>(i) * size_; }
  /// Copies once what does not change, and from now on in move_in() what `from` points to then; where `mask` is 0, one
  /// element again and again.
  void take_once(const T* from, index_t mask, T* to) const {
    for (index_t j = 0; j < size_; ++j) to[j] = from[j & mask];
  }
  void take(const T* const* from, T* to) { in_.push_back({from, to}); }
  void move_in() const {
    for (const auto& [from, to] : in_) {
      to[0] = (*from)[0];
      for (index_t j = 1; j < size_; ++j) to[j] = (*from)[j];
    }
  }
  /// In move_out(), in this order, `from` is stored or added to what `to` points to then.
  void give(const T* from, bool add, T* const* to) { out_.push_back({from, to, add}); }
  void move_out() const {
    for (const auto& [from, to, add] : out_) {
      T* const place = *to;
      place[0] = add ? place[0] + from[0] : from[0];
      for (index_t j = 1; j < size_; ++j) place[j] = add ? place[j] + from[j] : from[j];
    }
  }

  std::vector<T*> inputs, gradients, outputs, output_gradients;

 private:
  index_t size_;
  std::size_t count_;
  index_t whole_;
  Ref<Block> room_;
  std::size_t inputs_, outputs_;
  struct In {
    const T* const* from;
    T* to;
  };
  struct Out {
    const T* from;
    T* const* to;
    bool add;
  };
  std::vector<In> in_;
  std::vector<Out> out_;
};

}  // namespace unroll::detail
