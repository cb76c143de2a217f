#include "unroll/layers/gradient_norms.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <cmath>

namespace unroll {
namespace {

template <class T>
double euclidean_norm(const Variable<T>& x) {
  const auto root = [&](double scale) {
    double squares = 0;
    for (index_t i = 0; i < x.size(); ++i) {
      const double part = static_cast<double>(x.data()[i]) / scale;
      squares += part * part;
    }
    return scale * std::sqrt(squares);
  };
  const double plain = root(1);
  if (std::isnan(plain) || (plain > 1e-140 && std::isfinite(plain))) return plain;
  double most = 0;  // squares overflowed or were lost: relative to the largest element they do not
  for (index_t i = 0; i < x.size(); ++i) most = std::max(most, std::abs(static_cast<double>(x.data()[i])));
  return most == 0 || std::isinf(most) ? most : root(most);
}

}  // namespace

template <class T>
void GradientNorms<T>::see(const detail::StepContext& step, const std::vector<Variable<T>>& state) {
  const detail::Recurrence& recurrence = *step.recurrence;
  auto at = std::find_if(seen_.begin(), seen_.end(),
                         [&](const Seen& s) { return s.recurrence == step.recurrence; });
  if (at == seen_.end()) {
    for (const std::string& member : recurrence.members)
      seen_.push_back({step.recurrence, member, {}, recurrence.keeps_states});
    at = seen_.end() - static_cast<std::ptrdiff_t>(recurrence.members.size());
  }
  if (state.size() != recurrence.members.size())
    raise<UsageError>(
        "gradient norms: need a state whose members are there from the first step on; got {} members, then "
        "{}",
        recurrence.members.size(), state.size());
  for (const Variable<T>& v : state) {
    at->on_tape = at->on_tape && v.requires_grad();
    if (at->on_tape) at->states.push_back(v);
    ++at;
  }
}

template <class T>
std::vector<typename GradientNorms<T>::Series> GradientNorms<T>::per_step(const Variable<T>& loss) const {
  std::vector<Variable<T>> states;
  for (const Seen& s : seen_) {
    if (!s.on_tape)
      raise<UsageError>(
          "gradient norms: the states of {} are not on the tape; scan without NoGrad and "
          "without recomputation",
          s.recurrence->path.empty() ? "scan" : s.recurrence->path);
    states.insert(states.end(), s.states.begin(), s.states.end());
  }
  if (states.empty()) raise<UsageError>("gradient norms: no states were seen; run a layer or scan first");
  const std::vector<Variable<T>> gradients = grad<T>({loss}, states, {.retain_graph = true});
  std::vector<Series> result;
  auto g = gradients.begin();
  for (const Seen& s : seen_) {
    Series series{s.recurrence->path, s.member, {}};
    for (std::size_t t = 0; t < s.states.size(); ++t, ++g) series.norms.push_back(euclidean_norm(*g));
    result.push_back(std::move(series));
  }
  return result;
}

template <class T>
std::vector<typename GradientNorms<T>::Series> GradientNorms<T>::per_lag(const Variable<T>& loss,
                                                                         index_t step) const {
  for (const Seen& s : seen_) {
    const auto steps = static_cast<index_t>(s.states.size());
    if (step < -1 || step >= steps)
      raise<IndexError>("gradient norms: need a step in 0 … {}, or −1; got {}", steps - 1, step);
  }
  std::vector<Series> result = per_step(loss);
  for (Series& s : result) {
    if (step >= 0) s.norms.resize(static_cast<std::size_t>(step) + 1);
    std::reverse(s.norms.begin(), s.norms.end());
  }
  return result;
}

UNROLL_COMPILE_TYPES(class GradientNorms)

}  // namespace unroll
