#include "unroll/layers/check_parallel.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <cmath>

namespace unroll::detail {
namespace {

template <class T>
double value_at(const Variable<T>& x, index_t i) {
  return x ? static_cast<double>(x.data()[i]) : 0;
}

template <class T>
Variable<T> in_one_piece(const Variable<T>& x) {
  return x ? dense(x.detach()) : x;
}

}  // namespace

template <class T>
void compare_runs(const ComparedRuns<T>& runs, double tolerance) {
  for (std::size_t k = 0; k < runs.names.size(); ++k) {
    const Variable<T> a = in_one_piece(runs.at_once[k]), b = in_one_piece(runs.by_steps[k]);
    if (a && b && !(a.shape() == b.shape()))
      raise<UsageError>("check_parallel: {}: {} is {} at once, {} step by step", runs.label, runs.names[k],
                        a.shape().str(), b.shape().str());
    const index_t size = a ? a.size() : b ? b.size() : 0;
    for (index_t i = 0; i < size; ++i) {
      const double x = value_at(a, i), y = value_at(b, i);
      const bool same = x == y || (std::isnan(x) && std::isnan(y)) ||
                        std::abs(x - y) <= tolerance * std::max(1.0, std::abs(y));
      if (!same)
        raise<UsageError>("check_parallel: {}: element {} of the {} is {} at once, {} step by step",
                          runs.label, i, runs.names[k], x, y);
    }
  }
}

UNROLL_COMPILE_FUNCTIONS(compare_runs)

}  // namespace unroll::detail
