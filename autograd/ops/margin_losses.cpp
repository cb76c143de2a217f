#include "unroll/autograd/margin_losses.hpp"

#include "unroll/autograd/l2_normalise.hpp"
#include "unroll/detail/autograd/ops/loss_parts.hpp"

namespace unroll {
namespace detail {
namespace {

/// Where a mask is given, targets where it is 0 have been made `unused`.
template <class T>
void check_signs(const char* op, const Variable<T>& target, T unused) {
  const auto values = target.value();
  for (const T t : values)
    if (t != T{1} && t != T{-1} && t != unused)
      raise<UsageError>("{}: a target must be 1 or -1; got {}", op, t);
}

template <class T>
void check_cosine_pair(const Variable<T>& a, const Variable<T>& b, const Variable<T>& target,
                       const CosineEmbeddingLossOptions& options) {
  constexpr const char* op = "cosine_embedding_loss";
  if (!a) fail_empty(op, 0);
  if (!b) fail_empty(op, 1);
  if (!target) fail_empty(op, 2);
  if (a.rank() < 1 || !(a.shape() == b.shape()) || !(a.shape().without(a.rank() - 1) == target.shape()))
    raise<ShapeError>("{}: need a and b (…, D) and target (…); got a {}, b {}, target {}", op,
                      a.shape().str(), b.shape().str(), target.shape().str());
  if (!(options.margin >= -1 && options.margin <= 1))
    raise<UsageError>("{}: margin must lie in [-1, 1]; got {}", op, options.margin);
  if (options.reduction == Reduction::mean && target.size() == 0)
    raise<UsageError>("{}: {} has no vectors, so no mean; take Reduction::sum", op, a.shape().str());
  check_signs(op, target, T{1});
}

}  // namespace
}  // namespace detail

template <class T>
Variable<T> hinge_loss(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                       const detail::Same<MseOptions<T>>& options) {
  const bool masked = static_cast<bool>(options.mask);
  return detail::pair_loss("hinge_loss", prediction, target, options.reduction, options.mask,
                           [masked](const Variable<T>& x, const Variable<T>& t) {
                             detail::check_signs("hinge_loss", t, masked ? T{0} : T{1});
                             return Variable<T>(relu(1.0 - t * x));
                           });
}

template <class T>
Variable<T> cosine_embedding_loss(const Variable<T>& a, const detail::Same<Variable<T>>& b,
                                  const detail::Same<Variable<T>>& target,
                                  const CosineEmbeddingLossOptions& options) {
  detail::check_cosine_pair(a, b, target, options);
  const Variable<T> product = l2_normalise(a) * l2_normalise(b), cosine = sum(product, -1);
  const Variable<T> loss = where(target > T{0}, 1.0 - cosine, relu(cosine - options.margin));
  return detail::reduce_loss(loss, options.reduction);
}

#define UNROLL_COMPILE_LOSSES(T)                                                                         \
  template Variable<T> hinge_loss(const Variable<T>&, const Variable<T>&, const MseOptions<T>&);         \
  template Variable<T> cosine_embedding_loss(const Variable<T>&, const Variable<T>&, const Variable<T>&, \
                                             const CosineEmbeddingLossOptions&);
UNROLL_COMPILE_LOSSES(float)
UNROLL_COMPILE_LOSSES(double)
#undef UNROLL_COMPILE_LOSSES

}  // namespace unroll
