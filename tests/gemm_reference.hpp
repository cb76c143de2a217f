#pragma once
/// \file What the tests of matrix products compare with.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "unroll/detail/autograd/gemm/gemm.hpp"

namespace unroll::gemm_test {

using blas::index_t;
using blas::Trans;

inline constexpr Trans both[] = {Trans::no, Trans::yes};

inline std::mt19937 generator(11);

inline index_t draw_size(index_t most) { return std::uniform_int_distribution<index_t>(0, most)(generator); }

/// A stored matrix; op of it is (rows, cols), its rows are `gap` elements further apart than they need.
template <class T>
struct Stored {
  Stored(Trans t, index_t rows, index_t cols, index_t gap)
      : trans(t), ld(std::max<index_t>(t == Trans::yes ? rows : cols, 1) + gap) {
    data.resize(static_cast<std::size_t>((t == Trans::yes ? cols : rows) * ld));
    for (T& x : data) x = std::uniform_real_distribution<T>(-1, 1)(generator);
  }
  T& operator()(index_t i, index_t j) {
    return data[static_cast<std::size_t>(trans == Trans::yes ? j * ld + i : i * ld + j)];
  }
  Trans trans;
  index_t ld;
  std::vector<T> data;
};

/// Largest |C - (alpha op(A) op(B) + beta C0)| over m n elements, the expected value summed in double;
/// NaN if any is.
template <class T>
double deviation(index_t m, index_t n, index_t k, T alpha, Stored<T>& a, Stored<T>& b, T beta, Stored<T>& c0,
                 Stored<T>& c) {
  double worst = 0;
  for (index_t i = 0; i < m; ++i) {
    for (index_t j = 0; j < n; ++j) {
      double sum = 0;
      for (index_t l = 0; l < k; ++l) sum += static_cast<double>(a(i, l)) * static_cast<double>(b(l, j));
      sum *= static_cast<double>(alpha);
      if (beta != T(0)) sum += static_cast<double>(beta) * static_cast<double>(c0(i, j));
      const double difference = std::abs(sum - static_cast<double>(c(i, j)));
      if (std::isnan(difference)) return difference;
      worst = std::max(worst, difference);
    }
  }
  return worst;
}

/// Every one of k + 2 roundings is of a number below 2 (k + 1): factors are below 1, alpha and beta below 2.
template <class T>
double tolerance(index_t k) {
  return 2.0 * static_cast<double>((k + 2) * (k + 1)) * std::numeric_limits<T>::epsilon();
}

/// True if the bytes between and behind the rows of c are those of c0.
template <class T>
bool gaps_kept(index_t m, index_t n, const Stored<T>& c0, const Stored<T>& c) {
  for (index_t i = 0; i < m; ++i) {
    const auto at = static_cast<std::size_t>(i * c.ld + n), size = static_cast<std::size_t>(c.ld - n);
    if (size && std::memcmp(&c0.data[at], &c.data[at], size * sizeof(T)) != 0) return false;
  }
  return true;
}

/// n elements that begin `shift` elements behind a multiple of 64 bytes.
template <class T>
class Shifted {
 public:
  Shifted(const std::vector<T>& values, std::size_t shift) : buffer_(values.size() + 64) {
    const auto address = reinterpret_cast<std::uintptr_t>(buffer_.data());
    data_ = buffer_.data() + (64 - address % 64) % 64 / sizeof(T) + shift;
    std::copy(values.begin(), values.end(), data_);
  }
  T* data() { return data_; }

 private:
  std::vector<T> buffer_;
  T* data_;
};

}  // namespace unroll::gemm_test
