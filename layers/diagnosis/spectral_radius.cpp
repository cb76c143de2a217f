#include "unroll/layers/spectral_radius.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <cmath>

#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/gemm/gemm.hpp"

namespace unroll {
namespace {

/// The largest element: as good a norm as any, and it cannot overflow. NaN stays.
double norm(const std::vector<double>& a) {
  double largest = 0;
  for (const double x : a) largest = std::isnan(largest) || std::abs(x) <= largest ? largest : std::abs(x);
  return largest;
}

}  // namespace

template <class T>
double spectral_radius(const Variable<T>& a) {
  const index_t n = a.rank() == 2 ? a.shape()[0] : 0;
  if (a.rank() != 2 || a.shape()[1] != n)
    raise<ShapeError>("spectral_radius: need a (N, N); got {}", a.shape().str());
  const auto value = a.value();
  std::vector<double> power(value.begin(), value.end()), square(power.size());
  double log_radius = 0, weight = 1;  // ln ‖Aᵏ‖ / k, of which `power` has lost the part in log_radius
  for (int doubling = 0; doubling <= 32; ++doubling, weight /= 2) {
    const double size = norm(power);
    if (size == 0) return 0;
    if (!std::isfinite(size)) return std::nan("");
    log_radius += weight * std::log(size);
    for (double& x : power) x /= size;
    blas::gemm<double>(blas::Trans::no, blas::Trans::no, n, n, n, 1, power.data(), n, power.data(), n, 0,
                       square.data(), n);
    std::swap(power, square);
  }
  return std::exp(log_radius);
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
