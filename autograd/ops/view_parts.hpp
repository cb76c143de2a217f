#pragma once  // internal
/// \file What the views are made of.

#include <span>
#include <vector>

#include "unroll/autograd/variable.hpp"

namespace unroll::detail {

template <class T>
void chunk_into(const Variable<T>& x, int axis, std::span<Variable<T>> parts);
/// The slices of x along `axis` at `bounds`, which cover it; only part k where k ≥ 0.
template <class T>
std::vector<Variable<T>> view_parts(ViewKind kind, const Variable<T>& x, int axis, PoolVector<index_t> bounds,
                                    bool squeeze, index_t only = -1);
/// One op over parts of dense x along axis 0 that are made when asked for.
template <class T>
class LazyUnbind {
 public:
  LazyUnbind() = default;
  /// The slices x[0], x[1], …
  explicit LazyUnbind(Variable<T> x);
  /// Part k is x[bounds[k], bounds[k + 1]).
  LazyUnbind(Variable<T> x, PoolVector<index_t> bounds);
  index_t count() const { return count_; }
  /// Part t. `donate`: its first reader may overwrite it (x must have no other reader).
  Variable<T> operator()(index_t t, bool donate = false);
  /// The parts [first, last), which nobody has asked for, as one; it must be asked for only once, and last of all.
  Variable<T> together(index_t first, index_t last);

 private:
  LazyUnbind(Variable<T> x, PoolVector<index_t> bounds, bool squeeze);

  Variable<T> x_;
  Ref<ViewNode<T>> node_;
  index_t count_ = 0;
};

}  // namespace unroll::detail
