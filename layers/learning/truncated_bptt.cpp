#include "unroll/layers/truncated_bptt.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace unroll::detail {

/// The values of parameters when some steps were recorded, for passes through these after an update.
template <class T>
struct StoredParameters {
  struct Copy {
    Ref<Block> values;
    std::vector<TensorRef<T>> tensors;  ///< the parameter, and what shares its memory on the tape
  };
  std::vector<Copy> copies;
};

namespace {

/// Puts the stored values in the place of parameters that have changed since, as long as it lives.
template <class T>
class AtStoredParameters {
 public:
  using Copy = typename StoredParameters<T>::Copy;
  explicit AtStoredParameters(StoredParameters<T>* stored) {
    if (!stored) return;
    for (Copy& copy : stored->copies) {
      if (copy.tensors[0]->version() == copy.values->version) continue;
      exchanged_.push_back(&copy);
      exchange(copy);
    }
  }
  ~AtStoredParameters() {
    for (Copy* copy : exchanged_) exchange(*copy);
  }
  AtStoredParameters(const AtStoredParameters&) = delete;
  AtStoredParameters& operator=(const AtStoredParameters&) = delete;

 private:
  static void exchange(Copy& copy) {
    const Ref<Block> present = copy.tensors[0]->storage;
    for (const TensorRef<T>& t : copy.tensors) {
      t->data = static_cast<T*>(copy.values->data()) + (t->data - static_cast<T*>(present->data()));
      t->storage = copy.values;
    }
    copy.values = present;
  }
  std::vector<Copy*> exchanged_;
};

/// All tensors that were read on the way to `roots`.
template <class T>
std::vector<TensorRef<T>> inputs_behind(const std::vector<Variable<T>>& roots) {
  std::vector<TensorRef<T>> found;
  std::unordered_set<const void*> seen;
  std::vector<const Tensor<T>*> open;
  for (const Variable<T>& root : roots) open.push_back(root.tensor());
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

/// The parameters behind `roots`, but for the leaves `start`, as they are now.
template <class T>
std::shared_ptr<StoredParameters<T>> store(const std::vector<Variable<T>>& roots,
                                           const std::vector<Variable<T>>& start) {
  std::unordered_set<const Tensor<T>*> starts;
  for (const Variable<T>& s : start) starts.insert(s.tensor());
  const std::vector<TensorRef<T>> inputs = inputs_behind(roots);
  std::unordered_map<const Block*, std::size_t> place;
  auto stored = std::make_shared<StoredParameters<T>>();
  for (const TensorRef<T>& t : inputs) {
    if (t->creator || !t->requires_grad || starts.count(t.get()) > 0) continue;
    if (place.emplace(t->storage.get(), place.size()).second) stored->copies.emplace_back();
  }
  for (const TensorRef<T>& t : inputs)
    if (const auto at = place.find(t->storage.get()); at != place.end())
      stored->copies[at->second].tensors.push_back(t);
  for (auto& copy : stored->copies) copy.values = copy_memory(copy.tensors);
  return stored;
}

}  // namespace

template <class T>
TruncatedWindow<T>::TruncatedWindow(const TruncatedBpttOptions& options) : options_(options) {
  if (options.k1 < 1 || options.k2 < 1)
    raise<UsageError>("truncated_bptt: need k1 ≥ 1 and k2 ≥ 1; got {} and {}", options.k1, options.k2);
  cut_ = (options.k1 - options.k2 % options.k1) % options.k1;
}

template <class T>
Variable<T> TruncatedWindow<T>::add(index_t steps, Variables start, const Variable<T>& output,
                                    Variables last) {
  Variable<T> shown = output.detach().requires_grad(true);
  if (records()) {
    if (pieces_.empty() || at_cut()) {
      pieces_.emplace_back();
      pieces_.back().start = std::move(start);
    }
    Piece& piece = pieces_.back();
    piece.steps += steps;
    piece.last = std::move(last);
    piece.outputs.push_back(output);
    piece.shown.push_back(shown);
  }
  since_ += steps;
  started_ = true;
  return shown;
}

// The gradients that lie in `leaves` are seeds of `recorded`.
template <class T>
void TruncatedWindow<T>::run_back(const Piece& piece, const Piece* next) const {
  std::vector<TensorRef<T>> roots;
  Variables seeds;
  const auto seed = [&](const Variables& recorded, const Variables& leaves) {
    for (std::size_t k = 0; k < leaves.size(); ++k) {
      if (!leaves[k].has_grad() || !recorded[k].requires_grad()) continue;
      roots.push_back(recorded[k].ref());
      seeds.emplace_back(leaves[k].grad());
    }
  };
  seed(piece.outputs, piece.shown);
  if (next) seed(piece.last, next->start);
  if (roots.empty()) return;
  const AtStoredParameters<T> values(piece.parameters.get());
  // What pieces have in common, such as the inputs of a whole sequence, must last for all passes.
  Tape<T>::local().backward(roots, seeds, {.retain = overlap() > 0, .create_graph = false, .wanted = {}});
}

template <class T>
void TruncatedWindow<T>::backward(index_t keep) {
  for (std::size_t k = pieces_.size(); k-- > 0;)
    run_back(pieces_[k], k + 1 < pieces_.size() ? &pieces_[k + 1] : nullptr);
  index_t steps = 0;
  for (Piece& piece : pieces_) {
    for (Variable<T>& s : piece.start) s.zero_grad();
    piece.outputs.clear();
    piece.shown.clear();
    steps += piece.steps;
  }
  for (; steps > keep; pieces_.pop_front()) steps -= pieces_.front().steps;
  store_parameters();
  since_ = 0;
}

// The update that comes next is to leave the values alone that the pieces were recorded with.
template <class T>
void TruncatedWindow<T>::store_parameters() {
  Variables roots, start;
  for (const Piece& piece : pieces_) {
    if (piece.parameters) continue;
    roots.insert(roots.end(), piece.last.begin(), piece.last.end());
    start.insert(start.end(), piece.start.begin(), piece.start.end());
  }
  if (roots.empty()) return;
  const auto stored = store(roots, start);
  for (Piece& piece : pieces_)
    if (!piece.parameters) piece.parameters = stored;
}

template <class T>
void TruncatedWindow<T>::clear() {
  pieces_.clear();
  since_ = 0;
  started_ = false;
}

UNROLL_COMPILE_TYPES(class TruncatedWindow)

}  // namespace unroll::detail
