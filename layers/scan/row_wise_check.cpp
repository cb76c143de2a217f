#include "unroll/detail/layers/scan/row_wise_check.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <cmath>

#include "unroll/autograd/join.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/gemm/gemm.hpp"

namespace unroll::detail {
namespace {

template <class T>
using StateMembers = std::vector<Variable<T>>;

template <class T>
bool have_rows(const StateMembers<T>& state, index_t batch) {
  return std::all_of(state.begin(), state.end(),
                     [&](const Variable<T>& v) { return v.rank() > 0 && v.shape()[0] == batch; });
}

template <class T>
bool same_shapes(const StateMembers<T>& a, const StateMembers<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.shape() == y.shape(); });
}

/// The step's new state from rows [first, last) alone.
template <class T>
StateMembers<T> step_rows(const AnyCell<T>& cell, const Variable<T>& xs, const StateMembers<T>& state,
                          index_t first, index_t last) {
  const Variable<T> rows = slice(slice(xs, 0, 0, 1), 1, first, last).copy();
  StateMembers<T> before;
  for (const Variable<T>& v : state) before.push_back(slice(v, 0, first, last).copy());
  const typename AnyCell<T>::Own own = cell.copy();  // what it counts does not count
  return own->step(select(own->project(rows), 0, 0), before);
}

template <class T>
bool close(const Variable<T>& a, const Variable<T>& b) {
  constexpr double tolerance = sizeof(T) == 4 ? 1e-4 : 1e-9;  // products of fewer rows round otherwise
  if (!(a.shape() == b.shape())) return false;
  const auto x = a.value(), y = b.value();
  return std::equal(x.begin(), x.end(), y.begin(), [&](T u, T v) {
    const double p = static_cast<double>(u), q = static_cast<double>(v);
    return u == v || (std::isnan(u) && std::isnan(v)) ||
           std::abs(p - q) <= tolerance * (1 + std::max(std::abs(p), std::abs(q)));
  });
}

}  // namespace

template <class T>
bool check_row_wise(const AnyCell<T>& cell, const Variable<T>& xs, const StateMembers<T>& state) {
  if (xs.rank() < 2 || xs.shape()[1] < 2 || !cell.copies()) return false;
  const index_t batch = xs.shape()[1], half = batch / 2;
  if (!have_rows(state, batch)) return false;
  const NoGrad off;
  const blas::Counters before = blas::counters();
  const StateMembers<T> whole = step_rows(cell, xs, state, 0, batch);
  if (!same_shapes(whole, state)) return false;  // scan says what is wrong
  const StateMembers<T> upper = step_rows(cell, xs, state, 0, half),
                        lower = step_rows(cell, xs, state, half, batch);
  blas::counters() = before;
  for (std::size_t m = 0; m < whole.size(); ++m)
    if (!close(whole[m], concat<T>({upper[m], lower[m]}, 0)))
      raise<UsageError>(
          "scan: the cell says that it is row_wise, but a step on half of the batch differs from half of the "
          "step on all of it; remove row_wise, or keep the rows apart");
  return true;
}

UNROLL_COMPILE_FUNCTIONS(check_row_wise)

}  // namespace unroll::detail
