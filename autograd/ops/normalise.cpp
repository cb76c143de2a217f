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

/// Which normalisation: each of `groups` parts of a row by itself, about its mean or about 0.
struct Form {
  const char* name;
  bool centred = true;
  index_t groups = 1;
  double eps = 0;
};

/// Mean and 1 / √(σ² + eps) of a row; the mean is 0 where the form is not centred.
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
Spread<T> row_spread(const T* x, index_t cols, bool centred, T factor) {
  const T n = static_cast<T>(cols);
  const Batch<T> f(factor);
  const auto scaled = [&](index_t j, index_t m) __attribute__((always_inline)) {
    return load_block(x + j, m) * f;
  };
  const T mean = centred ? sum_blocks<T>(cols, scaled) / n : T{0};
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
Moments<T> row_moments(const T* x, index_t cols, const Form& form) {
  const Spread<T> plain = row_spread(x, cols, form.centred, T{1});
  const T sum = plain.variance + static_cast<T>(form.eps);
  constexpr T small = std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon();
  if (sum > small && sum <= std::numeric_limits<T>::max()) return {plain.mean, T{1} / std::sqrt(sum)};
  const std::optional<int> exponent = common_exponent(x, cols);
  if (!exponent) return {plain.mean, T{1} / std::sqrt(sum)};
  const Spread<T> scaled = row_spread(x, cols, form.centred, std::ldexp(T{1}, -*exponent));
  const T deviation = std::ldexp(std::sqrt(scaled.variance), *exponent);
  return {std::ldexp(scaled.mean, *exponent),
          T{1} / std::hypot(deviation, std::sqrt(static_cast<T>(form.eps)))};
}

// γ or β where there is one.
template <class T>
UNROLL_INLINE Batch<T> load_or(const T* p, index_t j, index_t n, T otherwise) {
  return p ? load_block(p + j, n) : Batch<T>(otherwise);
}

// y = γ (x − μ) s + β
template <class T>
Moments<T> row_norm(const T* x, const T* gamma, const T* beta, index_t cols, const Form& form, T* y) {
  const Moments<T> m = row_moments(x, cols, form);
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

// With x̂ = (x − μ) s and g = γ dy: dx = s (g − mean g − x̂ mean(g x̂)), dγ += dy x̂, dβ += dy; without mean g where
// there is no μ.
template <class T>
void row_norm_back(const T* x, const T* dy, const T* gamma, Moments<T> m, index_t cols, bool centred,
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
  const T average_g = centred ? sum_blocks<T>(cols, g) / static_cast<T>(cols) : T{0};
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

/// An array as rows, and each row as groups of `width` elements that are normalised by themselves.
struct Groups {
  index_t rows, width;

  Groups(const Shape& x, const Form& form)
      : rows(x.back(0) == 0 ? 0 : x.size() / x.back(0)), width(x.back(0) / form.groups) {}
  /// Calls f(number, place in x, place in γ and β) for each group.
  template <class F>
  void each(const Form& form, F&& f) const {
    for (index_t r = 0, k = 0; r < rows; ++r)
      for (index_t g = 0; g < form.groups; ++g, ++k) f(k, k * width, g * width);
  }
};

template <class T>
T* at_place(T* p, index_t place) {
  return p ? p + place : nullptr;
}

/// Inputs: x, then γ and β where there are any.
template <class T>
class NormalisationNode final : public Node<T> {
 public:
  NormalisationNode(const Form& form, bool has_gamma, bool has_beta, TensorRef<T> moments)
      : form_(form),
        gamma_(has_gamma ? 1 : 0),
        beta_(has_beta ? gamma_ + 1 : 0),
        moments_(std::move(moments)) {}
  bool reads(std::size_t k) const { return k == 0 || k != beta_; }

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy) return;
    const Tensor<T>& x = this->input(0);
    const Groups groups(x.shape, form_);
    const T* gamma = gamma_ ? this->input(gamma_).data : nullptr;
    const auto sums = [&](std::size_t k) { return ColumnSums<T>(k && this->wants(k) ? x.shape.back(0) : 0); };
    ColumnSums<T> gammas = sums(gamma_), betas = sums(beta_);
    const auto chain = [&](std::size_t k, ColumnSums<T>& to) {
      return k && this->wants(k) ? to.chain() : nullptr;
    };
    const GradSlot<T> dx = this->wants(0) ? open_grad(this->input(0)) : GradSlot<T>{};
    T *const to_gamma = chain(gamma_, gammas), *const to_beta = chain(beta_, betas);
    groups.each(form_, [&](index_t k, index_t from, index_t column) {
      const RowGradients<T> to{at_place(dx.data, from), at_place(to_gamma, column), at_place(to_beta, column),
                               dx.add};
      row_norm_back(x.data + from, dy + from, at_place(gamma, column), moments(k), groups.width,
                    form_.centred, to);
      if (column + groups.width == x.shape.back(0)) gammas.end_row(), betas.end_row();
    });
    if (to_gamma) gammas.add_to(open_grad_to_add(this->input(gamma_)).data);
    if (to_beta) betas.add_to(open_grad_to_add(this->input(beta_)).data);
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy0) override {
    using namespace recorded;
    const Shape row{this->input(0).shape.back(0)};
    const Variable<T> dy = in_groups(dy0[0]);
    const Variable<T> x = hide_idle_rows(dy, in_groups(Variable<T>(TensorRef<T>(&this->input(0)))));
    std::vector<Variable<T>> dx(this->input_count());
    const Parts parts = parts_of(x);
    if (this->wants(0)) {
      const Variable<T> gamma = gamma_ ? Variable<T>(TensorRef<T>(&this->input(gamma_))) : Variable<T>();
      const Variable<T> g = gamma_ ? mul(dy, in_groups(gamma)) : dy;
      const Variable<T> along = mul(parts.hat, average(mul(g, parts.hat)));
      const Variable<T> rest = form_.centred ? add(average(g), along) : along;
      dx[0] = reshape(hide_idle_rows(dy, mul(parts.scale, sub(g, rest))), this->input(0).shape);
    }
    const auto summed = [&](const Variable<T>& v) { return fit_to(reshape(v, dy0[0].shape()), row); };
    if (gamma_ && this->wants(gamma_)) dx[gamma_] = summed(mul(dy, parts.hat));
    if (beta_ && this->wants(beta_)) dx[beta_] = summed(dy);
    return dx;
  }

  std::string name() const override { return form_.name; }

  bool plan(StepPlanner<T>& to) const override {
    const Groups groups(this->input(0).shape, form_);
    const StepNorm norm{groups.rows, form_.groups, groups.width, form_.centred, form_.eps, gamma_, beta_};
    to.normalised(*this, norm,
                  [groups, form = form_, gamma = gamma_, beta = beta_](const T* const* in, T* out) {
                    groups.each(form, [&](index_t, index_t from, index_t column) {
                      row_norm(in[0] + from, gamma ? in[gamma] + column : nullptr,
                               beta ? in[beta] + column : nullptr, groups.width, form, out + from);
                    });
                  });
    return true;
  }

 private:
  /// x̂ and the factor that makes it of x − μ.
  struct Parts {
    Variable<T> hat, scale;
  };

  Moments<T> moments(index_t k) const { return {moments_->data[2 * k], moments_->data[2 * k + 1]}; }

  /// (…, C) as (rows, groups, C / groups), γ as (groups, C / groups).
  Variable<T> in_groups(const Variable<T>& x) const {
    if (form_.groups == 1) return x;
    const Groups to(x.shape(), form_);
    return reshape(x, x.rank() == 1 ? Shape{form_.groups, to.width} : Shape{to.rows, form_.groups, to.width});
  }
  Variable<T> average(const Variable<T>& v) const {
    return recorded::mul(sum(v, -1, {.keepdims = true}),
                         Variable<T>(T{1} / static_cast<T>(v.shape().back(0))));
  }

  Parts parts_of(const Variable<T>& x) const {
    using namespace recorded;
    const Variable<T> centred = form_.centred ? sub(x, average(x)) : x, half(T{-0.5});
    const Variable<T> root(static_cast<T>(std::sqrt(form_.eps)));
    const auto inverse = [&](const Variable<T>& v, const Variable<T>& eps) {
      return apply_compiled(ScalarOp::pow, {add(average(mul(v, v)), eps), half});
    };
    const Variable<T> unit = unit_of_rows(x.shape());
    if (!unit) {
      const Variable<T> scale = inverse(centred, Variable<T>(static_cast<T>(form_.eps)));
      return {mul(centred, scale), scale};
    }
    const Variable<T> v = mul(centred, unit), part = mul(unit, root), scale = inverse(v, mul(part, part));
    return {mul(v, scale), mul(unit, scale)};
  }

  /// Where the squares of a row might overflow or vanish, powers of two by which rows are multiplied first.
  Variable<T> unit_of_rows(const Shape& x) const {
    if (x.size() == 0) return {};  // its rows have no moments
    Variable<T> units(x.with(x.rank() - 1, 1), T{1});
    bool needed = false;
    for (index_t k = 0; k < units.size(); ++k) {
      const T scale = moments(k).scale;
      if (!(scale > T{0} && scale <= std::numeric_limits<T>::max())) continue;
      const int exponent = std::ilogb(scale);
      needed = needed || std::abs(exponent) > std::numeric_limits<T>::max_exponent / 3;
      units.tensor()->data[k] = std::ldexp(T{1}, exponent);
    }
    return needed ? units : Variable<T>();
  }

  Form form_;
  std::size_t gamma_, beta_;  ///< input numbers; 0 where there is none
  TensorRef<T> moments_;
};

template <class T>
void check_operands(const Form& form, const Variable<T>& x, const Variable<T>& gamma,
                    const Variable<T>& beta) {
  if (!x) fail_empty(form.name, 0);
  const auto fits = [&](const Variable<T>& v) {
    return !v || (v.rank() == 1 && v.shape()[0] == x.shape().back(0));
  };
  if (x.rank() < 1 || !fits(gamma) || !fits(beta)) {
    raise<ShapeError>("{}: need x (…, N){}; got x {}, gamma {}{}", form.name,
                      form.centred ? ", gamma (N,) and beta (N,)" : " and gamma (N,)", x.shape().str(),
                      gamma ? gamma.shape().str() : "none",
                      !form.centred ? ""
                      : beta        ? ", beta " + beta.shape().str()
                                    : ", beta none");
  }
  if (!(form.eps >= 0)) raise<UsageError>("{}: eps must be at least 0; got {}", form.name, form.eps);
  if (form.groups < 1 || x.shape().back(0) % form.groups != 0)
    raise<ShapeError>("{}: need x (…, C) with C a multiple of the number of groups; got x {}, {} groups",
                      form.name, x.shape().str(), form.groups);
}

template <class T>
Variable<T> normalised(const Form& form, const Variable<T>& x0, const Variable<T>& gamma0,
                       const Variable<T>& beta0) {
  check_operands(form, x0, gamma0, beta0);
  const Variable<T> x = dense(x0), gamma = gamma0 ? dense(gamma0) : gamma0,
                    beta = beta0 ? dense(beta0) : beta0;
  PoolVector<Tensor<T>*> inputs = {x.tensor()};
  if (gamma) inputs.push_back(gamma.tensor());
  if (beta) inputs.push_back(beta.tensor());
  const bool recorded = begin_op<T>(form.name, inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(x.shape());
  const Groups groups(x.shape(), form);
  const TensorRef<T> moments = Tensor<T>::make(Shape{groups.rows * form.groups, 2});
  const auto data_of = [](const Variable<T>& v) -> const T* { return v ? v.tensor()->data : nullptr; };
  const T *const scales = data_of(gamma), *const shifts = data_of(beta);
  groups.each(form, [&](index_t k, index_t from, index_t column) {
    const Moments<T> m = row_norm(x.tensor()->data + from, at_place(scales, column), at_place(shifts, column),
                                  groups.width, form, out->data + from);
    moments->data[2 * k] = m.mean, moments->data[2 * k + 1] = m.scale;
  });
  return finish_op<NormalisationNode<T>>(recorded, inputs, out, form, static_cast<bool>(gamma),
                                         static_cast<bool>(beta), moments);
}

}  // namespace
}  // namespace detail

template <class T>
Variable<T> layer_norm(const Variable<T>& x, const detail::Same<Variable<T>>& gamma,
                       const detail::Same<Variable<T>>& beta, double eps) {
  return detail::normalised<T>({.name = "layer_norm", .eps = eps}, x, gamma, beta);
}

template <class T>
Variable<T> group_norm(const Variable<T>& x, index_t groups, const detail::Same<Variable<T>>& gamma,
                       const detail::Same<Variable<T>>& beta, double eps) {
  return detail::normalised<T>({.name = "group_norm", .groups = groups, .eps = eps}, x, gamma, beta);
}

template <class T>
Variable<T> rms_norm(const Variable<T>& x, const detail::Same<Variable<T>>& gamma,
                     std::optional<double> eps) {
  const double least = eps.value_or(std::numeric_limits<T>::epsilon());
  return detail::normalised<T>({.name = "rms_norm", .centred = false, .eps = least}, x, gamma, {});
}

UNROLL_COMPILE_FUNCTIONS(layer_norm, group_norm, rms_norm)

}  // namespace unroll
