#include "unroll/layers/spectral_radius.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <cmath>

#include "unroll/autograd/views.hpp"

#ifndef UNROLL_NO_BLAS
// LAPACK's eigenvalues of a general matrix; the last two are the lengths of the strings, as Fortran wants them.
extern "C" void dgeev_(const char* left, const char* right, const int* n, double* a, const int* lda,
                       double* wr, double* wi, double* vl, const int* ldvl, double* vr, const int* ldvr,
                       double* work, const int* lwork, int* info, std::size_t, std::size_t);
#endif

namespace unroll {
namespace {

#ifdef UNROLL_NO_BLAS
double largest_eigenvalue(std::vector<double>&, int) {
  raise<UsageError>("spectral_radius: this library was built without BLAS and LAPACK (UNROLL_BLAS=OFF)");
}
#else
/// The largest |λ| of a matrix (n, n), which is overwritten. Rows or columns first: its transpose has the same.
double largest_eigenvalue(std::vector<double>& a, int n) {
  const int ld = n, one = 1, query = -1;
  int info = 0;
  double size = 0;
  std::vector<double> re(static_cast<std::size_t>(n)), im(re.size());
  const auto run = [&](double* work, const int* lwork) {
    dgeev_("N", "N", &n, a.data(), &ld, re.data(), im.data(), nullptr, &one, nullptr, &one, work, lwork,
           &info, 1, 1);
  };
  run(&size, &query);
  std::vector<double> work(static_cast<std::size_t>(size));
  const auto length = static_cast<int>(work.size());
  run(work.data(), &length);
  if (info != 0) raise<UsageError>("spectral_radius: the eigenvalues of this matrix do not converge");
  double largest = 0;
  for (std::size_t k = 0; k < re.size(); ++k) largest = std::max(largest, std::hypot(re[k], im[k]));
  return largest;
}
#endif

}  // namespace

template <class T>
double spectral_radius(const Variable<T>& a) {
  const index_t n = a.rank() == 2 ? a.shape()[0] : 0;
  if (a.rank() != 2 || a.shape()[1] != n)
    raise<ShapeError>("spectral_radius: need a (N, N); got {}", a.shape().str());
  const auto value = a.value();
  std::vector<double> copy(value.begin(), value.end());
  if (!std::all_of(copy.begin(), copy.end(), [](double x) { return std::isfinite(x); })) return std::nan("");
  return n == 0 ? 0 : largest_eigenvalue(copy, static_cast<int>(n));  // a Shape has fewer than 2^59 elements
}

namespace detail {

template <class T>
std::vector<SpectralRadius> spectral_radii(const std::vector<NamedParameter<T>>& weights) {
  std::vector<SpectralRadius> radii;
  for (const auto& [name, w] : weights) {
    const index_t columns = w.rank() == 2 ? w.shape()[1] : 0;
    if (columns == 0 || w.shape()[0] % columns != 0) continue;
    for (index_t k = 0; k < w.shape()[0] / columns; ++k)
      radii.push_back({name, k, spectral_radius(slice(w, 0, k * columns, (k + 1) * columns).detach())});
  }
  return radii;
}

bool is_recurrent_weight(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  return last.starts_with("weight_hh") || last.starts_with("weight_rh");
}

UNROLL_COMPILE_FUNCTIONS(spectral_radii)

}  // namespace detail

UNROLL_COMPILE_FUNCTIONS(spectral_radius)

}  // namespace unroll
