#include "unroll/autograd/likelihood_losses.hpp"

#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/check_indices.hpp"
#include "unroll/detail/autograd/ops/loss_parts.hpp"

namespace unroll {
namespace detail {
namespace {

template <class T>
void check_nll_loss(const Variable<T>& log_probs, const Indices& targets, const NllLossOptions& options) {
  if (!log_probs) fail_empty("nll_loss", 0);
  const Shape& x = log_probs.shape();
  if (x.rank() < 1 || !(x.without(x.rank() - 1) == targets.shape()))
    raise<ShapeError>("nll_loss: need log_probs (…, V) and targets (…); got log_probs {}, targets {}",
                      x.str(), targets.shape().str());
  const index_t classes = x.back(0);
  if (!options.weight.empty() && std::ssize(options.weight) != classes)
    raise<ShapeError>("nll_loss: need one weight for each of {} classes; got {}", classes,
                      options.weight.size());
  check_weights("nll_loss", "weight", options.weight);
  for (index_t r = 0; r < targets.size(); ++r)
    if (targets[r] != options.ignore_index && (targets[r] < 0 || targets[r] >= classes))
      fail_index("nll_loss", "target", targets, r, classes);
}

/// Of each row: where its target stands in the array, and its weight, 0 where it is ignored.
template <class T>
struct Picks {
  std::vector<std::int64_t> places;
  Variable<T> weights;
  double total = 0;

  Picks(const Indices& targets, const NllLossOptions& options, index_t classes)
      : weights(Shape{targets.size()}, T{0}) {
    for (index_t r = 0; r < targets.size(); ++r) {
      const bool ignored = targets[r] == options.ignore_index;
      const double w = ignored                  ? 0
                       : options.weight.empty() ? 1
                                                : options.weight[static_cast<std::size_t>(targets[r])];
      places.push_back(ignored ? 0 : r * classes + targets[r]);
      weights.mutable_data()[r] = static_cast<T>(w);
      total += w;
    }
  }
};

}  // namespace
}  // namespace detail

template <class T>
Variable<T> nll_loss(const Variable<T>& log_probs, const Indices& targets, const NllLossOptions& options) {
  using namespace detail;
  check_nll_loss(log_probs, targets, options);
  const Shape& x = log_probs.shape();
  if (x.size() == 0) {  // there is nothing to pick from
    const Variable<T> none = reshape(sum(log_probs, -1), targets.shape());
    return options.reduction == Reduction::mean ? Variable<T>(sum(none) / 0.0)
                                                : reduce_loss(none, options.reduction);
  }
  const Picks<T> picks(targets, options, x.back(0));
  const Variable<T> picked = gather(reshape(dense(log_probs), Shape{x.size()}), Indices(picks.places));
  const Variable<T>& w = picks.weights;
  const Variable<T> losses = where(w, -(w * picked), T{0});
  if (options.reduction == Reduction::none) return reshape(losses, targets.shape());
  const Variable<T> total = sum(losses);
  return options.reduction == Reduction::sum ? total : Variable<T>(total / static_cast<T>(picks.total));
}

template <class T>
Variable<T> kl_div(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                   const detail::Same<KlDivOptions<T>>& options) {
  const bool logarithm = options.log_target;
  return detail::pair_loss("kl_div", prediction, target, options.reduction, options.mask,
                           [logarithm](const Variable<T>& x, const Variable<T>& t) {
                             return logarithm ? Variable<T>(where(exp(t), exp(t) * (t - x), T{0}))
                                              : Variable<T>(where(t, t * (log(t) - x), T{0}));
                           });
}

#define UNROLL_COMPILE_LOSSES(T)                                                            \
  template Variable<T> nll_loss(const Variable<T>&, const Indices&, const NllLossOptions&); \
  template Variable<T> kl_div(const Variable<T>&, const Variable<T>&, const KlDivOptions<T>&);
UNROLL_COMPILE_LOSSES(float)
UNROLL_COMPILE_LOSSES(double)
#undef UNROLL_COMPILE_LOSSES

}  // namespace unroll
