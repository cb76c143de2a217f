#include "forecast/least_squares.hpp"

#include <xtensor-blas/xlinalg.hpp>
#include <xtensor/xadapt.hpp>

#include "unroll/autograd/error.hpp"

namespace unroll::forecast {

LeastSquares::LeastSquares(std::int64_t size)
    : products_(static_cast<std::size_t>(size * size)), targets_(static_cast<std::size_t>(size)) {}

void LeastSquares::add(std::span<const double> x, double y) {
  const std::size_t size = targets_.size();
  for (std::size_t i = 0; i < size; ++i) {
    targets_[i] += x[i] * y;
    for (std::size_t j = 0; j < size; ++j) products_[i * size + j] += x[i] * x[j];
  }
  ++rows_;
}

std::vector<double> LeastSquares::solve() const {
  if (rows_ == 0) raise<UsageError>("least squares: there are no rows");
  const std::size_t size = targets_.size();
  const xt::xtensor<double, 2> a = xt::adapt(products_, std::array{size, size});
  const xt::xtensor<double, 1> b = xt::adapt(targets_, std::array{size});
  // By singular values: columns that repeat each other share their weight.
  const auto [w, residuals, rank, values] = xt::linalg::lstsq(a, b, 1e-14);
  return {w.begin(), w.end()};
}

}  // namespace unroll::forecast
