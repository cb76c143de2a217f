#include "unroll/detail/autograd/core/leaf_snapshot.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace unroll::detail {
namespace {

/// All tensors that were read on the way to `results`.
template <class T>
std::vector<TensorRef<T>> inputs_behind(const std::vector<Variable<T>>& results) {
  std::vector<TensorRef<T>> found;
  std::unordered_set<const void*> seen;
  std::vector<const Tensor<T>*> open;
  for (const Variable<T>& r : results) open.push_back(r.tensor());
  while (!open.empty()) {
    const Node<T>* node = open.back()->creator.get();
    open.pop_back();
    if (!node || !seen.insert(node).second) continue;
    for (std::size_t k = 0; k < node->input_count(); ++k) {
      Tensor<T>& in = node->input(k);
      if (!seen.insert(&in).second) continue;
      found.push_back(TensorRef<T>(&in));
      open.push_back(&in);
    }
  }
  return found;
}

// A copy of the memory that `tensors` share, as far as they reach.
template <class T>
Ref<Block> copy_memory(const std::vector<TensorRef<T>>& tensors) {
  Block& block = *tensors[0]->storage;
  const T* const base = static_cast<const T*>(block.data());
  const T* end = base;
  for (const TensorRef<T>& t : tensors)
    if (t->runs() > 0) end = std::max<const T*>(end, t->data + (t->runs() - 1) * t->pitch + t->run);
  const Ref<Block> copy(Block::allocate(static_cast<std::size_t>(end - base) * sizeof(T)));
  std::copy(base, end, static_cast<T*>(copy->data()));
  copy->version = block.version;
  return copy;
}

}  // namespace

template <class T>
LeafSnapshot<T>::LeafSnapshot(const std::vector<Variable<T>>& results,
                              const std::vector<Variable<T>>& except) {
  std::unordered_set<const Tensor<T>*> excepted;
  for (const Variable<T>& v : except) excepted.insert(v.tensor());
  const std::vector<TensorRef<T>> inputs = inputs_behind(results);
  std::unordered_map<const Block*, std::size_t> number;  // of the copy of a leaf's memory
  for (const TensorRef<T>& t : inputs) {
    if (t->creator || !t->requires_grad || excepted.contains(t.get())) continue;
    if (number.emplace(t->storage.get(), number.size()).second) copies_.emplace_back();
  }
  for (const TensorRef<T>& t : inputs)
    if (const auto at = number.find(t->storage.get()); at != number.end())
      copies_[at->second].tensors.push_back(t);
  for (Copy& copy : copies_) copy.values = copy_memory(copy.tensors);
}

template <class T>
void LeafSnapshot<T>::Copy::exchange() {
  const Ref<Block> present = tensors[0]->storage;
  for (const TensorRef<T>& t : tensors) {
    t->data = static_cast<T*>(values->data()) + (t->data - static_cast<T*>(present->data()));
    t->storage = values;
  }
  values = present;
}

template <class T>
LeafSnapshot<T>::Scope::Scope(LeafSnapshot* snapshot) {
  if (!snapshot) return;
  for (Copy& copy : snapshot->copies_) {
    if (copy.tensors[0]->version() == copy.values->version) continue;
    exchanged_.push_back(&copy);
    copy.exchange();
  }
}

template <class T>
LeafSnapshot<T>::Scope::~Scope() {
  for (Copy* copy : exchanged_) copy->exchange();
}

UNROLL_COMPILE_TYPES(class LeafSnapshot)

}  // namespace unroll::detail
