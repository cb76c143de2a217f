#include "unroll/autograd/solve_triangular.hpp"

#include <algorithm>

#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll {
namespace detail {
namespace {

using SolveOptions = SolveTriangularOptions;

/// Matrices of n rows: those of a lie next to each other, or there is one for all.
struct Systems {
  index_t n, m, count;
  bool one_matrix;

  Systems(const Shape& a, const Shape& b)
      : n(b.back(1)), m(b.back(0)), count(b.product(0, b.rank() - 2)), one_matrix(a.rank() == 2) {}
  index_t matrix(index_t i) const { return one_matrix ? 0 : i * n * n; }
  index_t rows(index_t i) const { return i * n * m; }
};

/// x (n, m) holds b at first.
template <class T>
void substitute(index_t n, index_t m, const T* a, const SolveOptions& o, T* x) {
  const bool from_top = o.upper == o.transpose;
  for (index_t step = 0; step < n; ++step) {
    const index_t r = from_top ? step : n - 1 - step;
    T* const row = x + r * m;
    for (index_t before = 0; before < step; ++before) {
      const index_t j = from_top ? before : n - 1 - before;
      const T factor = o.transpose ? a[j * n + r] : a[r * n + j];
      const T* const other = x + j * m;
      for (index_t c = 0; c < m; ++c) row[c] -= factor * other[c];
    }
    if (o.unit_diagonal) continue;
    const T diagonal = a[r * n + r];
    for (index_t c = 0; c < m; ++c) row[c] /= diagonal;
  }
}

/// Whether element (r, c) of a is read.
bool is_read(const SolveOptions& o, index_t r, index_t c) {
  return r == c ? !o.unit_diagonal : (c > r) == o.upper;
}

/// For each element of dx whether its column of its matrix holds anything but 0: what does not gives 0 to every gradient,
/// whatever NaN or infinity it meets.
template <class T>
PoolVector<T> used_columns(const Systems& s, const T* dx) {
  PoolVector<T> used(static_cast<std::size_t>(s.count * s.n * s.m), T{0});
  for (index_t i = 0; i < s.count; ++i) {
    for (index_t j = 0; j < s.m; ++j) {
      bool any = false;
      for (index_t r = 0; r < s.n; ++r) any = any || dx[s.rows(i) + r * s.m + j] != T{0};
      for (index_t r = 0; r < s.n; ++r)
        used[static_cast<std::size_t>(s.rows(i) + r * s.m + j)] = any ? T{1} : T{0};
    }
  }
  return used;
}

/// da −= db xᵀ, or x dbᵀ for the transposed matrix, where a is read, over the columns in use.
template <class T>
void matrix_slopes(index_t n, index_t m, const SolveOptions& o, const T* used, const T* db, const T* x,
                   T* da) {
  for (index_t r = 0; r < n; ++r) {
    for (index_t c = 0; c < n; ++c) {
      if (!is_read(o, r, c)) continue;
      const T *const left = (o.transpose ? x : db) + r * m, *const right = (o.transpose ? db : x) + c * m;
      double sum = 0;
      for (index_t j = 0; j < m; ++j)
        if (used[j] != T{0}) sum += static_cast<double>(left[j]) * static_cast<double>(right[j]);
      da[r * n + c] -= static_cast<T>(sum);
    }
  }
}

template <class T>
class SolveTriangularNode final : public Node<T> {
 public:
  explicit SolveTriangularNode(const SolveOptions& options) : options_(options) {}

  void backward() override {
    const T* const dx = this->output_grad();
    if (!dx) return;
    const Tensor<T>& x = *this->output();
    const Systems s(this->input(0).shape, x.shape);
    PoolVector<T> db(dx, dx + x.shape.size());
    const PoolVector<T> used = used_columns(s, dx);
    SolveOptions back = options_;
    back.transpose = !back.transpose;
    for (index_t i = 0; i < s.count; ++i)
      substitute(s.n, s.m, this->input(0).data + s.matrix(i), back, db.data() + s.rows(i));
    for (std::size_t k = 0; k < db.size(); ++k)
      if (used[k] == T{0}) db[k] = T{0};
    if (this->wants(0)) {
      PoolVector<T> da(static_cast<std::size_t>(this->input(0).shape.size()), T{0});
      for (index_t i = 0; i < s.count; ++i)
        matrix_slopes(s.n, s.m, options_, used.data() + s.rows(i), db.data() + s.rows(i), x.data + s.rows(i),
                      da.data() + s.matrix(i));
      const auto size = static_cast<index_t>(da.size());
      write_gradient(this->input(0), da.data(), size, size);
    }
    if (this->wants(1)) write_gradient(this->input(1), db.data(), x.shape.size(), x.shape.size());
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    using namespace recorded;
    const Variable<T> a(TensorRef<T>(&this->input(0))), x0(TensorRef<T>(this->output())), dx0 = dense(dy[0]);
    const Variable<T> used(x0.shape(), T{0});
    std::ranges::copy(used_columns(Systems(a.shape(), x0.shape()), dx0.tensor()->data), used.tensor()->data);
    SolveOptions back = options_;
    back.transpose = !back.transpose;
    std::vector<Variable<T>> dx(2);
    const Variable<T> db = absorb(used, solve_triangular(a, dx0, back)), x = absorb(used, x0);
    if (this->wants(1)) dx[1] = db;
    if (!this->wants(0)) return dx;
    const Variable<T>&left = options_.transpose ? x : db, &right = options_.transpose ? db : x;
    const Variable<T> whole = matmul(left, transpose(right, -2, -1));
    dx[0] = fit_to(recorded::where(triangle(a.shape().back(0)), neg(whole), Variable<T>(T{0})), a.shape());
    return dx;
  }
  std::string name() const override { return "solve_triangular"; }

 private:
  /// 1 where a is read.
  Variable<T> triangle(index_t n) const {
    Variable<T> mask(Shape{n, n}, T{0});
    for (index_t i = 0; i < n * n; ++i)
      mask.mutable_data()[i] = is_read(options_, i / n, i % n) ? T{1} : T{0};
    return mask;
  }

  SolveOptions options_;
};

void check_systems(const Shape& a, const Shape& b) {
  const bool square = a.rank() >= 2 && a.back(0) == a.back(1), high = b.rank() >= 2;
  const auto batch = [](const Shape& s) { return Shape(s.begin(), s.end() - 2); };
  if (square && high && b.back(1) == a.back(0) && (a.rank() == 2 || batch(a) == batch(b))) return;
  raise<ShapeError>("solve_triangular: need a (…, N, N) or (N, N) and b (…, N, M); got a {}, b {}", a.str(),
                    b.str());
}

template <class T>
void check_diagonal(const Systems& s, index_t matrices, const T* a) {
  for (index_t i = 0; i < matrices; ++i) {
    for (index_t r = 0; r < s.n; ++r) {
      if (a[i * s.n * s.n + r * (s.n + 1)] != T{0}) continue;
      raise<UsageError>(
          "solve_triangular: matrix {} of a is singular: its diagonal has a 0 at {}; {{.unit_diagonal = "
          "true}} "
          "takes the diagonal for ones",
          i, r);
    }
  }
}

}  // namespace
}  // namespace detail

template <class T>
Variable<T> solve_triangular(const Variable<T>& a0, const detail::Same<Variable<T>>& b0,
                             const SolveTriangularOptions& options) {
  using namespace detail;
  if (!a0) fail_empty("solve_triangular", 0);
  if (!b0) fail_empty("solve_triangular", 1);
  check_systems(a0.shape(), b0.shape());
  const Variable<T> a = dense(a0), b = dense(b0);
  Tensor<T>* const inputs[] = {a.tensor(), b.tensor()};
  const bool recorded = begin_op<T>("solve_triangular", inputs);
  const Systems s(a.shape(), b.shape());
  if (!options.unit_diagonal) check_diagonal(s, s.one_matrix ? 1 : s.count, a.tensor()->data);
  const TensorRef<T> out = Tape<T>::local().allocate_output(b.shape());
  std::copy_n(b.tensor()->data, b.size(), out->data);
  for (index_t i = 0; i < s.count; ++i)
    substitute(s.n, s.m, a.tensor()->data + s.matrix(i), options, out->data + s.rows(i));
  return finish_op<SolveTriangularNode<T>>(recorded, inputs, out, options);
}

UNROLL_COMPILE_FUNCTIONS(solve_triangular)

}  // namespace unroll
