#pragma once  // internal
/// \file The values of leaves at one time, for backward passes that come after an update.

#include <vector>

#include "unroll/autograd/variable.hpp"

namespace unroll::detail {

/// What:   the values that leaves have when it is made.
/// Cost:   a copy of them.
template <class T>
class LeafSnapshot {
  struct Copy {
    Ref<Block> values;
    std::vector<TensorRef<T>> tensors;  ///< a leaf, and what shares its memory on the tape
    void exchange();
  };

 public:
  /// Of the leaves that require a gradient and that `results` are computed from, but for those in `except`.
  LeafSnapshot(const std::vector<Variable<T>>& results, const std::vector<Variable<T>>& except);

  /// While it lives, leaves that have been updated since have the values of the snapshot and their version, so
  /// that what was computed from them can be run back. Null changes nothing.
  class Scope {
   public:
    explicit Scope(LeafSnapshot* snapshot);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    std::vector<Copy*> exchanged_;
  };

 private:
  std::vector<Copy> copies_;
};

extern template class LeafSnapshot<float>;
extern template class LeafSnapshot<double>;

}  // namespace unroll::detail
