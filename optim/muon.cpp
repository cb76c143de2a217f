#include "unroll/optim/muon.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <cmath>

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/detail/optim/adam_pass.hpp"

namespace unroll {

void MuonOptions::check_options() const {
  detail::check_option(rule, "lr", lr);
  detail::check_option(rule, "weight_decay", weight_decay);
  detail::check_option(rule, "momentum", momentum, 0, 1);
  detail::check_option(rule, "eps", eps);
  detail::check_option(rule, "beta1", beta1, 0, 1);
  detail::check_option(rule, "beta2", beta2, 0, 1);
  detail::check_option(rule, "adamw_eps", adamw_eps);
  if (ns_steps < 1 || ns_steps > 100)
    raise<UsageError>("muon: ns_steps must be in [1, 100]; got {}", ns_steps);
}

void MuonOptions::check_parameter(const Shape& shape, const std::string& name) const {
  if (adamw || shape.rank() == 2) return;
  raise<UsageError>(
      "muon: {} is no matrix; put it into a group with .adamw = true, or take muon_with_adamw(parameters)",
      name);
}

namespace detail {
namespace {

// θ = keep θ − rate x
template <class T>
void muon_pass(index_t n, T keep, T rate, const T* __restrict x, T* __restrict w) {
#pragma omp simd
  for (index_t i = 0; i < n; ++i) w[i] = keep * w[i] - rate * x[i];
}

double scale_of(MuonScale scale, const Shape& shape) {
  const auto rows = static_cast<double>(shape[0]), columns = static_cast<double>(shape[1]);
  return scale == MuonScale::original ? std::sqrt(std::max(1.0, rows / columns))
                                      : 0.2 * std::sqrt(std::max(rows, columns));
}

// x / max(‖x‖, eps), the largest element brought to 1 first: no square overflows or is lost.
template <class T>
Variable<T> of_norm_1(const Variable<T>& x, double eps) {
  const T* p = x.data();
  double most = 0, sum = 0;
  for (index_t i = 0; i < x.size(); ++i) most = std::max(most, std::abs(static_cast<double>(p[i])));
  const double unit = most > 0 ? most : 1;
  for (index_t i = 0; i < x.size(); ++i) sum += (p[i] / unit) * (p[i] / unit);
  const double divisor = std::max(unit * std::sqrt(sum), eps);
  auto y = Variable<T>::uninitialised(x.shape());
  T* to = y.mutable_data();
  for (index_t i = 0; i < x.size(); ++i) to[i] = divisor > 0 ? static_cast<T>(p[i] / divisor) : p[i];
  return y;
}

}  // namespace

template <class T>
Variable<T> orthogonalised(const Variable<T>& d, int steps, double eps) {
  constexpr double a = 3.4445, b = -4.775, c = 2.0315;
  const NoGrad off;
  const bool tall = d.shape()[0] > d.shape()[1];
  const Variable<T> dense = tall ? Variable<T>(transpose(d)).copy() : d;
  Variable<T> x = of_norm_1(dense, eps);
  for (int k = 0; k < steps; ++k) {
    const Variable<T> gram = matmul(x, transpose(x));
    const Variable<T> square = matmul(gram, gram);
    const Variable<T> factor = static_cast<T>(b) * gram + static_cast<T>(c) * square;
    x = Variable<T>(static_cast<T>(a) * x + matmul(factor, x));
  }
  return tall ? Variable<T>(transpose(x)).copy() : x;
}

template <class T>
Muon<T> muon_in_two(const std::vector<Variable<T>>& parameters, const MuonOptions& options,
                    const std::function<bool(const Variable<T>&)>& is_inner) {
  std::vector<Variable<T>> matrices, others;
  for (const Variable<T>& p : parameters) {
    const bool inner = p && p.rank() == 2 && (!is_inner || is_inner(p));
    (inner ? matrices : others).push_back(p);
  }
  MuonOptions rest = options;
  rest.adamw = true;
  if (matrices.empty()) return Muon<T>(std::move(others), rest);
  Muon<T> muon(std::move(matrices), options);
  if (!others.empty()) muon.add_group(std::move(others), rest);
  return muon;
}

UNROLL_COMPILE_FUNCTIONS(orthogonalised, muon_in_two)

}  // namespace detail

template <class T>
void Muon<T>::update(const typename Optimizer<T>::Update& u) {
  const MuonOptions& o = this->options(u.group);
  const double keep = 1 - u.lr * o.weight_decay;
  if (o.adamw) {
    const detail::AdamFactors<T> f(u.lr, o.beta1, o.beta2, o.adamw_eps, u.step, 0, keep);
    detail::adam_pass<T>(f, u.n, u.weight, u.grad, u.array[0], u.array[1], nullptr);
    return;
  }
  const T mu = static_cast<T>(o.momentum), take = static_cast<T>(1 - o.momentum);
  auto direction = Variable<T>::uninitialised(u.shape);
  T* __restrict d = direction.mutable_data();
  T* __restrict b = u.array[0];
#pragma omp simd
  for (index_t i = 0; i < u.n; ++i) {
    b[i] = mu * b[i] + take * u.grad[i];
    d[i] = o.nesterov ? take * u.grad[i] + mu * b[i] : b[i];
  }
  const Variable<T> x = detail::orthogonalised(direction, o.ns_steps, o.eps);
  const double rate = u.lr * detail::scale_of(o.adjust_lr, u.shape);
  detail::muon_pass(u.n, static_cast<T>(keep), static_cast<T>(rate), x.data(), u.weight);
}

template <class T>
typename Optimizer<T>::ArrayNames Muon<T>::array_names(std::size_t group) const {
  if (this->options(group).adamw) return {"exp_avg", "exp_avg_sq"};
  return {"momentum_buffer"};
}

UNROLL_COMPILE_TYPES(class Muon)

}  // namespace unroll
