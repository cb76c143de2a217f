#include "unroll/detail/layers/cells/projection_check.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <cmath>
#include <exception>

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/gemm/gemm.hpp"

namespace unroll::detail {
namespace {

/// Products of fewer rows round otherwise, by little beside the largest element.
template <class T>
bool equal_but_for_rounding(const Variable<T>& a, const Variable<T>& b) {
  if (!(a.shape() == b.shape())) return false;
  const auto x = a.value(), y = b.value();
  double largest = 0;
  for (const T v : x)
    if (std::isfinite(v)) largest = std::max(largest, std::abs(static_cast<double>(v)));
  const double tolerance = (sizeof(T) == 4 ? 1e-3 : 1e-9) * largest;
  return std::equal(x.begin(), x.end(), y.begin(), [&](T u, T v) {
    return !std::isfinite(u) || !std::isfinite(v) ||
           std::abs(static_cast<double>(u) - static_cast<double>(v)) <= tolerance;
  });
}

template <class T>
bool has_values(const Variable<T>& x) {
  const Variable<T> own = dense(x);
  return std::any_of(own.data(), own.data() + own.size(), [](T v) { return v != T{0}; });
}

enum class Outcome { alone, mixed, unknown };

template <class T>
Outcome compare_halves(const std::function<Variable<T>(const Variable<T>&)>& project, const Variable<T>& xs) {
  if (xs.rank() < 1 || xs.shape()[0] < 2) return Outcome::unknown;
  const index_t steps = xs.shape()[0], half = steps / 2;
  if (!has_values(slice(xs, 0, half - 1, half)) || !has_values(slice(xs, 0, half, half + 1)))
    return Outcome::unknown;
  const Variable<T> whole = project(xs);
  if (whole.rank() < 1 || whole.shape()[0] != steps) return Outcome::unknown;  // scan says what is wrong
  const Variable<T> halves =
      concat<T>({project(slice(xs, 0, 0, half)), project(slice(xs, 0, half, steps))}, 0);
  return equal_but_for_rounding(whole, halves) ? Outcome::alone : Outcome::mixed;
}

}  // namespace

template <class T>
bool projects_steps_alone(const std::function<Variable<T>(const Variable<T>&)>& project,
                          const Variable<T>& xs, bool one_step) {
  const NoGrad off;
  const blas::Counters before = blas::counters();
  Outcome outcome = Outcome::unknown;
  try {
    outcome = compare_halves<T>(project, one_step ? stack<T>({xs, Variable<T>(1 - xs)}) : xs);
  } catch (const std::exception&) {  // what is wrong comes again where the cell runs
  }
  blas::counters() = before;
  if (outcome == Outcome::mixed)
    raise<UsageError>(
        "scan: project() of the cell mixes time steps, or depends on their place: of half of the steps it "
        "makes "
        "something else than of all. It must treat each step alone; do the rest before the layer");
  return outcome == Outcome::alone;
}

UNROLL_COMPILE_FUNCTIONS(projects_steps_alone)

}  // namespace unroll::detail
