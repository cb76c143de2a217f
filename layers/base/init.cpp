#include "unroll/layers/init.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace unroll::init {
namespace {

void check(const char* name, const char* what, double value) {
  if (!std::isfinite(value)) raise<UsageError>("{}: {} must be finite; got {}", name, what, value);
}

template <class T, class F>
Variable<T>& fill(Variable<T>& p, F&& value) {
  p.update([&](auto& w) {
    T* to = w.data();
    for (index_t i = 0; i < p.size(); ++i) to[i] = static_cast<T>(value(i));
  });
  return p;
}

// The numbers of T in [low, high); where there is none, the one next to low.
template <class T>
std::pair<T, T> bounds(double low, double high) {
  constexpr T inf = std::numeric_limits<T>::infinity();
  T first = static_cast<T>(low), last = static_cast<T>(high);
  if (static_cast<double>(first) < low) first = std::nextafter(first, inf);
  if (static_cast<double>(last) >= high) last = std::nextafter(last, -inf);
  return first <= last ? std::pair(first, last) : std::pair(static_cast<T>(low), static_cast<T>(low));
}

struct Fans {
  double in, out;
};
template <class T>
Fans fans(const char* name, const Variable<T>& p) {
  const Shape& s = p.shape();
  if (s.rank() < 2 || s.size() == 0) {
    raise<ShapeError>("{}: need a weight (O, I, …) with at least one element; got {}", name, s.str());
  }
  const double field = static_cast<double>(s.product(2, s.rank()));
  return {static_cast<double>(s[1]) * field, static_cast<double>(s[0]) * field};
}

template <class T>
double kaiming_scale(const char* name, const Variable<T>& p, const KaimingOptions& options) {
  check(name, "slope", options.slope);
  const Fans f = fans(name, p);
  return std::sqrt(1 / ((1 + options.slope * options.slope) * (options.fan == Fan::in ? f.in : f.out)));
}

// Rows of one block; columns are the rest.
template <class T>
index_t block_rows(const char* name, const Variable<T>& p, const BlockOptions& options) {
  check(name, "gain", options.gain);
  const Shape& s = p.shape();
  if (options.blocks < 1) raise<UsageError>("{}: need at least 1 block; got {}", name, options.blocks);
  if (s.rank() != 2 || s[0] % options.blocks != 0) {
    raise<ShapeError>("{}: need a matrix of {} equal blocks of rows; got {}", name, options.blocks, s.str());
  }
  return s[0] / options.blocks;
}

double dot(const double* a, const double* b, index_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (index_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// `rows` ≤ `cols` orthonormal vectors: Gram and Schmidt on normal ones, which is QR with a positive diagonal
// of R and therefore uniform; twice, because once loses orthogonality by the condition of the matrix.
std::vector<double> orthonormal_rows(index_t rows, index_t cols, Generator& rng) {
  std::vector<double> q(static_cast<std::size_t>(rows * cols));
  for (double& x : q) x = rng.normal();
  for (index_t r = 0; r < rows; ++r) {
    double* row = q.data() + r * cols;
    for (int pass = 0; pass < 2; ++pass) {
      for (index_t before = 0; before < r; ++before) {
        const double* other = q.data() + before * cols;
        const double along = dot(row, other, cols);
        for (index_t i = 0; i < cols; ++i) row[i] -= along * other[i];
      }
    }
    const double length = std::sqrt(dot(row, row, cols));
    for (index_t i = 0; i < cols; ++i) row[i] /= length;
  }
  return q;
}

}  // namespace

template <class T>
Variable<T>& constant(Variable<T>& p, double value) {
  return fill(p, [&](index_t) { return value; });
}

template <class T>
Variable<T>& uniform(Variable<T>& p, double low, double high, Generator& rng) {
  check("uniform", "low", low);
  check("uniform", "high", high);
  if (low > high) raise<UsageError>("uniform: low must not be above high; got {} and {}", low, high);
  const auto [first, last] = bounds<T>(low, high);
  // Rounding to T, and that of low + (high − low) u, may lead out of [low, high).
  return fill(p, [&, first = first, last = last](index_t) {
    return std::clamp(static_cast<T>(rng.uniform(low, high)), first, last);
  });
}

template <class T>
Variable<T>& normal(Variable<T>& p, double mean, double deviation, Generator& rng) {
  check("normal", "mean", mean);
  check("normal", "deviation", deviation);
  if (deviation < 0) raise<UsageError>("normal: the deviation must not be negative; got {}", deviation);
  return fill(p, [&](index_t) { return rng.normal(mean, deviation); });
}

template <class T>
Variable<T>& fan_uniform(Variable<T>& p, index_t n, Generator& rng) {
  if (n < 1) raise<UsageError>("fan_uniform: n must be at least 1; got {}", n);
  const double bound = 1 / std::sqrt(static_cast<double>(n));
  return uniform(p, -bound, bound, rng);
}

template <class T>
Variable<T>& xavier_uniform(Variable<T>& p, double gain, Generator& rng) {
  check("xavier_uniform", "gain", gain);
  const Fans f = fans("xavier_uniform", p);
  const double bound = std::abs(gain) * std::sqrt(6 / (f.in + f.out));
  return uniform(p, -bound, bound, rng);
}

template <class T>
Variable<T>& xavier_normal(Variable<T>& p, double gain, Generator& rng) {
  check("xavier_normal", "gain", gain);
  const Fans f = fans("xavier_normal", p);
  return normal(p, 0, std::abs(gain) * std::sqrt(2 / (f.in + f.out)), rng);
}

template <class T>
Variable<T>& kaiming_uniform(Variable<T>& p, const KaimingOptions& options, Generator& rng) {
  const double bound = std::sqrt(6.0) * kaiming_scale("kaiming_uniform", p, options);
  return uniform(p, -bound, bound, rng);
}

template <class T>
Variable<T>& kaiming_normal(Variable<T>& p, const KaimingOptions& options, Generator& rng) {
  return normal(p, 0, std::sqrt(2.0) * kaiming_scale("kaiming_normal", p, options), rng);
}

template <class T>
Variable<T>& orthogonal(Variable<T>& p, const BlockOptions& options, Generator& rng) {
  const index_t rows = block_rows("orthogonal", p, options), cols = p.shape()[1];
  const index_t few = std::min(rows, cols), many = std::max(rows, cols);
  std::vector<double> q;
  return fill(p, [&](index_t i) {
    const index_t r = i / cols % rows, c = i % cols;
    if (r == 0 && c == 0) q = orthonormal_rows(few, many, rng);
    return options.gain * q[static_cast<std::size_t>(rows <= cols ? r * many + c : c * many + r)];
  });
}

template <class T>
Variable<T>& identity(Variable<T>& p, const BlockOptions& options) {
  const index_t rows = block_rows("identity", p, options), cols = p.shape()[1];
  return fill(p, [&](index_t i) { return i / cols % rows == i % cols ? options.gain : 0; });
}

template <class T>
Variable<T>& forget_bias(Variable<T>& bias, double value) {
  if (bias.rank() != 1 || bias.size() % 4 != 0) {
    raise<ShapeError>("forget_bias: need the bias (4H,) of an LSTM; got {}", bias.shape().str());
  }
  const index_t hidden = bias.size() / 4;
  bias.update([&](auto& b) { std::fill_n(b.data() + hidden, hidden, static_cast<T>(value)); });
  return bias;
}

UNROLL_COMPILE_FUNCTIONS(constant, uniform, normal, fan_uniform, xavier_uniform, xavier_normal,
                         kaiming_uniform, kaiming_normal, orthogonal, identity, forget_bias)

}  // namespace unroll::init
