#include "unroll/detail/autograd/tools/leaves.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <unordered_set>

namespace unroll::detail {
namespace {

/// Goes from tensors to what they were computed from; without recursion, since a tape may be long.
template <class T>
class LeafSearch {
 public:
  void reach(Tensor<T>& t, const Node<T>* reader) {
    if (!t.requires_grad || !seen_.insert(&t).second) return;
    if (t.is_leaf()) {
      found_.push_back({Variable<T>(TensorRef<T>(&t)), reader ? reader->name() : ""});
    } else if (seen_.insert(t.creator.get()).second) {
      waiting_.push_back(t.creator.get());
    }
  }

  std::vector<ReadLeaf<T>> run() {
    for (std::size_t next = 0; next < waiting_.size(); ++next) {
      const Node<T>& node = *waiting_[next];
      for (std::size_t k = 0; k < node.input_count() && !node.released(); ++k) reach(node.input(k), &node);
    }
    return std::move(found_);
  }

 private:
  std::unordered_set<const void*> seen_;
  std::vector<const Node<T>*> waiting_;
  std::vector<ReadLeaf<T>> found_;
};

}  // namespace

template <class T>
std::vector<ReadLeaf<T>> leaves_of(const std::vector<Variable<T>>& outputs) {
  LeafSearch<T> search;
  for (const Variable<T>& y : outputs)
    if (y) search.reach(*y.tensor(), nullptr);
  return search.run();
}

template <class T>
std::string op_of(const Variable<T>& x) {
  return x.is_leaf() ? "" : x.tensor()->creator->name();
}

UNROLL_COMPILE_FUNCTIONS(leaves_of, op_of)

}  // namespace unroll::detail
