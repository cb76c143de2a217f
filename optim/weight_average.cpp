#include "unroll/optim/weight_average.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace unroll {

void WeightAverageOptions::check_options() const {
  if (!(decay >= 0 && decay <= 1))
    raise<UsageError>("weight_average: decay must be in [0, 1]; got {}", decay);
  if (decay == 1 && !bias_correction)
    raise<UsageError>(
        "weight_average: with a decay of 1 and no bias correction the average would never move");
}

template <class T>
WeightAverage<T>::WeightAverage(std::vector<Variable<T>> parameters, const WeightAverageOptions& options)
    : parameters_(std::move(parameters)), options_(options) {
  options_.check_options();
  if (parameters_.empty()) raise<UsageError>("weight_average: the list of parameters is empty");
  for (std::size_t k = 0; k < parameters_.size(); ++k) {
    const Variable<T>& p = parameters_[k];
    detail::stored_gradient("weight_average", p);
    const auto end = parameters_.begin() + static_cast<std::ptrdiff_t>(k);
    if (std::any_of(parameters_.begin(), end, [&](const auto& other) { return other.same_as(p); }))
      raise<UsageError>("weight_average: {} is listed twice; list each parameter once", detail::describe(p));
    averages_.push_back(p.copy());
  }
}

template <class T>
void WeightAverage<T>::check_not_in_use(const char* what) const {
  if (in_use_)
    raise<UsageError>("weight_average: {} while the averages are in use; end the scope of use() first", what);
}

template <class T>
void WeightAverage<T>::update() {
  check_not_in_use("update()");
  const double d = options_.decay, t = static_cast<double>(++updates_);
  double rate = 1 - d;
  if (options_.bias_correction) rate = d == 1 ? 1 / t : updates_ == 1 ? 1 : (1 - d) / (1 - std::pow(d, t));
  for (std::size_t k = 0; k < parameters_.size(); ++k) {
    const T* __restrict w = parameters_[k].data();
    T* __restrict m = averages_[k].mutable_data();
    const index_t n = averages_[k].size();
    const T r = static_cast<T>(rate);
    if (rate == 1) {  // where m + (θ − m) would be rounded
      std::copy_n(w, n, m);
      continue;
    }
#pragma omp simd
    for (index_t i = 0; i < n; ++i) m[i] += r * (w[i] - m[i]);
  }
}

template <class T>
void WeightAverage<T>::restart() {
  check_not_in_use("restart()");
  updates_ = 0;
  for (std::size_t k = 0; k < parameters_.size(); ++k)
    std::copy_n(parameters_[k].data(), parameters_[k].size(), averages_[k].mutable_data());
}

template <class T>
void WeightAverage<T>::swap() {
  for (std::size_t k = 0; k < parameters_.size(); ++k) {
    T* m = averages_[k].mutable_data();
    std::swap_ranges(m, m + averages_[k].size(), parameters_[k].mutable_data());
  }
  in_use_ = !in_use_;
}

template <class T>
typename WeightAverage<T>::Use WeightAverage<T>::use() {
  check_not_in_use("use()");
  return Use(*this);
}

template <class T>
WeightAverageState<T> WeightAverage<T>::state() const {
  check_not_in_use("state()");
  return {averages_, updates_};
}

template <class T>
void WeightAverage<T>::load_state(const WeightAverageState<T>& state) {
  check_not_in_use("load_state()");
  if (state.arrays.size() != parameters_.size())
    raise<UsageError>("weight_average: the state has {} arrays; there are {} parameters", state.arrays.size(),
                      parameters_.size());
  for (std::size_t k = 0; k < parameters_.size(); ++k) {
    const Variable<T>& from = state.arrays[k];
    if (!from || !(from.shape() == parameters_[k].shape()))
      raise<UsageError>("weight_average: the state's array {} for {} {}", k, detail::describe(parameters_[k]),
                        from ? "has the shape " + from.shape().str() : "is empty");
  }
  for (std::size_t k = 0; k < parameters_.size(); ++k) averages_[k] = state.arrays[k].copy();
  updates_ = state.updates;
}

NonMonotonicTrigger::NonMonotonicTrigger(std::uint64_t interval) : interval_(interval) {
  if (interval == 0) raise<UsageError>("non_monotonic_trigger: the interval must be at least 1");
}

bool NonMonotonicTrigger::observe(double loss) {
  if (state_.triggered) return true;
  if (std::isnan(loss)) loss = std::numeric_limits<double>::infinity();
  auto& losses = state_.losses;
  if (losses.size() > interval_) {
    const auto end = losses.end() - static_cast<std::ptrdiff_t>(interval_);
    state_.triggered = loss > *std::min_element(losses.begin(), end);
  }
  losses.push_back(loss);
  return state_.triggered;
}

void NonMonotonicTrigger::load_state(const State& state) {
  if (std::any_of(state.losses.begin(), state.losses.end(), [](double x) { return std::isnan(x); }))
    raise<UsageError>("non_monotonic_trigger: the state has a loss that is NaN");
  state_ = state;
}

UNROLL_COMPILE_TYPES(class WeightAverage)

}  // namespace unroll
