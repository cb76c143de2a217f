#pragma once  // internal
/// \file What the losses share: checks and reductions.

#include <algorithm>
#include <limits>

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/reduction.hpp"

namespace unroll::detail {

inline void check_weights(const char* op, const char* what, const std::vector<double>& weights) {
  for (const double w : weights)
    if (!(w >= 0 && w <= std::numeric_limits<double>::max()))
      raise<UsageError>("{}: {} must be finite and at least 0; got {}", op, what, w);
}

template <class T>
Variable<T> reduce_loss(const Variable<T>& loss, Reduction reduction) {
  if (reduction == Reduction::none) return loss;
  return reduction == Reduction::sum ? sum(loss) : mean(loss);
}

/// How many elements of a shape a mask lets count.
template <class T>
index_t count_unmasked(const Variable<T>& mask, const Shape& shape) {
  const auto values = mask.value();
  const auto kept = std::count_if(values.begin(), values.end(), [](T m) { return m != T{0}; });
  return mask.size() == 0 ? 0 : kept * (shape.size() / mask.size());
}

/// The same where the mask, which broadcasts to the losses, is not 0: the others are 0 already.
template <class T>
Variable<T> reduce_masked(const char* op, const Variable<T>& loss, const Variable<T>& mask,
                          Reduction reduction) {
  if (reduction != Reduction::mean) return reduce_loss(loss, reduction);
  const index_t count = count_unmasked(mask, loss.shape());
  if (count == 0) raise<UsageError>("{}: the mask leaves no element, so no mean; take Reduction::sum", op);
  return sum(loss) * (T{1} / static_cast<T>(count));
}

template <class T>
void check_broadcast(const char* op, const char* what, const Variable<T>& v, const Shape& shape) {
  const Shape& m = v.shape();
  bool fits = m.rank() <= shape.rank();
  for (int k = 0; fits && k < m.rank(); ++k) fits = m.back(k) == 1 || m.back(k) == shape.back(k);
  if (!fits) raise<ShapeError>("{}: need a {} that broadcasts to {}; got {}", op, what, shape.str(), m.str());
}
template <class T>
void check_mask(const char* op, const Variable<T>& mask, const Shape& shape) {
  check_broadcast(op, "mask", mask, shape);
}

/// Shapes that must be equal, with elements to take a mean of.
template <class T>
void check_pair(const char* op, const Variable<T>& x, const Variable<T>& target, Reduction reduction) {
  if (!x) fail_empty(op, 0);
  if (!target) fail_empty(op, 1);
  if (!(x.shape() == target.shape()))
    raise<ShapeError>("{}: shapes must be equal; got {} and {}", op, x.shape().str(), target.shape().str());
  if (reduction == Reduction::mean && x.size() == 0)
    raise<UsageError>("{}: {} has no elements, so no mean; take Reduction::sum", op, x.shape().str());
}

/// What is to be added to the loss of each element that counts: `loss` of pairs that are 0 where the mask is.
template <class T, class F>
Variable<T> pair_loss(const char* op, const Variable<T>& x, const Variable<T>& target, Reduction reduction,
                      const Variable<T>& mask, F&& loss) {
  check_pair(op, x, target, reduction);
  if (!mask) return reduce_loss(Variable<T>(loss(x, target)), reduction);
  check_mask(op, mask, x.shape());
  const Variable<T> kept = where(mask, x, T{0}), aim = where(mask, target, T{0});
  const Variable<T> each = loss(kept, aim);
  return reduce_masked(op, Variable<T>(where(mask, each, T{0})), mask, reduction);
}

}  // namespace unroll::detail
