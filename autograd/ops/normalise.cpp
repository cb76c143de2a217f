#include "unroll/autograd/normalise.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/step_planner.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

#include "unroll/detail/autograd/ops/hide_idle_rows.hpp"
#include "unroll/detail/autograd/ops/op.hpp"
#include "unroll/detail/autograd/ops/rows.hpp"

namespace unroll {
namespace detail {
namespace {

/// Mean and 1 / √(σ² + eps) of a row.
template <class T>
struct Moments {
  T mean, scale;
};

/// Mean and variance of factor · x.
template <class T>
struct Spread {
  T mean, variance;
};
template <class T>
Spread<T> row_spread(const T* x, index_t cols, T factor) {
  const T n = static_cast<T>(cols);
  const Batch<T> f(factor);
  const T mean = sum_blocks<T>(
                     cols, [&](index_t j, index_t m)
                               __attribute__((always_inline)) { return load_block(x + j, m) * f; }) /
                 n;
  const T variance = sum_blocks<T>(
                         cols,
                         [&](index_t j, index_t m) __attribute__((always_inline)) {
                           const Batch<T> d = load_block(x + j, m, mean / factor) * f - Batch<T>(mean);
                           return d * d;
                         }) /
                     n;
  return {mean, variance};
}

template <class T>
Moments<T> row_moments(const T* x, index_t cols, double eps) {
  const Spread<T> plain = row_spread(x, cols, T{1});
  const T sum = plain.variance + static_cast<T>(eps);
  constexpr T small = std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon();
  if (sum > small && sum <= std::numeric_limits<T>::max()) return {plain.mean, T{1} / std::sqrt(sum)};
  const std::optional<int> exponent = common_exponent(x, cols);
  if (!exponent) return {plain.mean, T{1} / std::sqrt(sum)};
  const Spread<T> scaled = row_spread(x, cols, std::ldexp(T{1}, -*exponent));
  const T deviation = std::ldexp(std::sqrt(scaled.variance), *exponent);
  return {std::ldexp(scaled.mean, *exponent), T{1} / std::hypot(deviation, std::sqrt(static_cast<T>(eps)))};
}

// γ or β where there is one.
template <class T>
UNROLL_INLINE Batch<T> load_or(const T* p, index_t j, index_t n, T otherwise) {
  return p ? load_block(p + j, n) : Batch<T>(otherwise);
}

// y = γ (x − μ) s + β
template <class T>
Moments<T> row_norm(const T* x, const T* gamma, const T* beta, index_t cols, double eps, T* y) {
  const Moments<T> m = row_moments(x, cols, eps);
  for_blocks<T>(
      cols, [&](index_t j, index_t n) __attribute__((always_inline)) {
        const Batch<T> hat = (load_block(x + j, n) - Batch<T>(m.mean)) * Batch<T>(m.scale);
        store_block(y + j, hat * load_or(gamma, j, n, T{1}) + load_or(beta, j, n, T{0}), n);
      });
  return m;
}

/// Where the gradients of a row go; null where none is wanted.
template <class T>
struct RowGradients {
  T *x, *gamma, *beta;
  bool add_x;
};

// With x̂ = (x − μ) s and g = γ dy: dx = s (g − mean g − x̂ mean(g x̂)), dγ += dy x̂, dβ += dy
template <class T>
void row_norm_back(const T* x, const T* dy, const T* gamma, Moments<T> m, index_t cols,
                   const RowGradients<T>& to) {
  using N = Batch<T>;
  const N mean(m.mean), scale(m.scale);
  const auto g = [&](index_t j, index_t n) __attribute__((always_inline)) {
    return load_block(dy + j, n) * load_or(gamma, j, n, T{1});
  };
  const auto hat = [&](index_t j, index_t n) __attribute__((always_inline)) {
    return (load_block(x + j, n) - mean) * scale;
  };
  const auto gh = [&](index_t j, index_t n) __attribute__((always_inline)) { return g(j, n) * hat(j, n); };
  const T average_g = sum_blocks<T>(cols, g) / static_cast<T>(cols);
  const T average_gh = sum_blocks<T>(cols, gh) / static_cast<T>(cols);
  if ((std::isnan(average_g) || std::isnan(average_gh)) && all_zero(dy, cols)) {
    if (to.x && !to.add_x) std::fill_n(to.x, cols, T{0});
    return;
  }
  const N mean_g(average_g), mean_gh(average_gh);
  for_blocks<T>(
      cols, [&](index_t j, index_t n) __attribute__((always_inline)) {
        const N d = load_block(dy + j, n), h = hat(j, n);
        if (to.x) write_block(to.x + j, scale * (g(j, n) - mean_g - h * mean_gh), n, to.add_x);
        if (to.gamma) write_block(to.gamma + j, d * h, n, true);
        if (to.beta) write_block(to.beta + j, d, n, true);
      });
}

/// Inputs: x, then γ and β where there are any.
template <class T>
class LayerNormNode final : public Node<T> {
 public:
  LayerNormNode(bool has_gamma, bool has_beta, double eps, TensorRef<T> moments)
      : gamma_(has_gamma ? 1 : 0),
        beta_(has_beta ? gamma_ + 1 : 0),
        eps_(eps),
        moments_(std::move(moments)) {}
  bool reads(std::size_t k) const { return k == 0 || k != beta_; }

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy) return;
    const Tensor<T>& x = this->input(0);
    const index_t cols = x.shape.back(0), rows = cols == 0 ? 0 : x.shape.size() / cols;
    const T* gamma = gamma_ ? this->input(gamma_).data : nullptr;
    const auto sums = [&](std::size_t k) { return ColumnSums<T>(k && this->wants(k) ? cols : 0); };
    ColumnSums<T> gammas = sums(gamma_), betas = sums(beta_);
    const auto chain = [&](std::size_t k, ColumnSums<T>& to) {
      return k && this->wants(k) ? to.chain() : nullptr;
    };
    const GradSlot<T> dx = this->wants(0) ? open_grad(this->input(0)) : GradSlot<T>{};
    RowGradients<T> to{dx.data, chain(gamma_, gammas), chain(beta_, betas), dx.add};
    for (index_t r = 0; r < rows; ++r) {
      row_norm_back(x.data + r * cols, dy + r * cols, gamma, moments(r), cols, to);
      if (to.x) to.x += cols;
      gammas.end_row();
      betas.end_row();
    }
    if (to.gamma) gammas.add_to(open_grad_to_add(this->input(gamma_)).data);
    if (to.beta) betas.add_to(open_grad_to_add(this->input(beta_)).data);
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    using namespace recorded;
    const Variable<T> x = hide_idle_rows(dy[0], Variable<T>(TensorRef<T>(&this->input(0))));
    std::vector<Variable<T>> dx(this->input_count());
    const Variable<T> share(T{1} / static_cast<T>(x.shape().back(0)));
    const auto average = [&](const Variable<T>& v) { return mul(sum(v, -1, {.keepdims = true}), share); };
    const Variable<T> centred = sub(x, average(x)), variance = average(mul(centred, centred));
    const Variable<T> scale = apply_compiled(
        ScalarOp::pow, {add(variance, Variable<T>(static_cast<T>(eps_))), Variable<T>(T{-0.5})});
    const Variable<T> hat = mul(centred, scale);
    if (this->wants(0)) {
      const Variable<T> g = gamma_ ? mul(dy[0], Variable<T>(TensorRef<T>(&this->input(gamma_)))) : dy[0];
      const Variable<T> rest = add(average(g), mul(hat, average(mul(g, hat))));
      dx[0] = hide_idle_rows(dy[0], mul(scale, sub(g, rest)));
    }
    const Shape row{x.shape().back(0)};
    if (gamma_ && this->wants(gamma_)) dx[gamma_] = fit_to(mul(dy[0], hat), row);
    if (beta_ && this->wants(beta_)) dx[beta_] = fit_to(dy[0], row);
    return dx;
  }

  std::string name() const override { return "layer_norm"; }

  bool plan(StepPlanner<T>& to) const override {
    const Shape& shape = this->input(0).shape;
    const index_t cols = shape.back(0), rows = cols == 0 ? 0 : shape.size() / cols;
    to.other(*this, [cols, rows, gamma = gamma_, beta = beta_, eps = eps_](const T* const* in, T* out) {
      for (index_t r = 0; r < rows; ++r)
        row_norm(in[0] + r * cols, gamma ? in[gamma] : nullptr, beta ? in[beta] : nullptr, cols, eps,
                 out + r * cols);
    });
    return true;
  }

 private:
  Moments<T> moments(index_t r) const { return {moments_->data[2 * r], moments_->data[2 * r + 1]}; }

  std::size_t gamma_, beta_;  ///< input numbers; 0 where there is none
  double eps_;
  TensorRef<T> moments_;
};

template <class T>
void check_layer_norm(const Variable<T>& x, const Variable<T>& gamma, const Variable<T>& beta, double eps) {
  if (!x) fail_empty("layer_norm", 0);
  const auto fits = [&](const Variable<T>& v) {
    return !v || (v.rank() == 1 && v.shape()[0] == x.shape().back(0));
  };
  if (x.rank() < 1 || !fits(gamma) || !fits(beta)) {
    raise<ShapeError>("layer_norm: need x (…, N), gamma (N,) and beta (N,); got x {}, gamma {}, beta {}",
                      x.shape().str(), gamma ? gamma.shape().str() : "none",
                      beta ? beta.shape().str() : "none");
  }
  if (!(eps >= 0)) raise<UsageError>("layer_norm: eps must be at least 0; got {}", eps);
}

}  // namespace
}  // namespace detail

template <class T>
Variable<T> layer_norm(const Variable<T>& x0, const detail::Same<Variable<T>>& gamma0,
                       const detail::Same<Variable<T>>& beta0, double eps) {
  using namespace detail;
  check_layer_norm(x0, gamma0, beta0, eps);
  const Variable<T> x = dense(x0), gamma = gamma0 ? dense(gamma0) : gamma0,
                    beta = beta0 ? dense(beta0) : beta0;
  PoolVector<Tensor<T>*> inputs = {x.tensor()};
  if (gamma) inputs.push_back(gamma.tensor());
  if (beta) inputs.push_back(beta.tensor());
  const bool recorded = begin_op<T>("layer_norm", inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(x.shape());
  const index_t cols = x.shape().back(0), rows = cols == 0 ? 0 : x.size() / cols;
  const TensorRef<T> moments = Tensor<T>::make(Shape{rows, 2});
  const auto data_of = [](const Variable<T>& v) -> const T* { return v ? v.tensor()->data : nullptr; };
  const T *const scales = data_of(gamma), *const shifts = data_of(beta);
  for (index_t r = 0; r < rows; ++r) {
    const Moments<T> m =
        row_norm(x.tensor()->data + r * cols, scales, shifts, cols, eps, out->data + r * cols);
    moments->data[2 * r] = m.mean, moments->data[2 * r + 1] = m.scale;
  }
  return finish_op<LayerNormNode<T>>(recorded, inputs, out, static_cast<bool>(gamma), static_cast<bool>(beta),
                                     eps, moments);
}

UNROLL_COMPILE_FUNCTIONS(layer_norm)

}  // namespace unroll
