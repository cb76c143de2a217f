#pragma once  // internal
/// \file The scalar ops: each a value and the adjoints of its arguments, given the adjoint d of its value y.
///
/// The number type Num is a SIMD batch (the fused loops) or Dyn (recorded ops: higher derivatives).

#include <array>
#include <limits>

#include "unroll/detail/autograd/fused/compiled.hpp"
#include "unroll/detail/autograd/fused/simd_gated.hpp"

namespace unroll::detail {
inline namespace UNROLL_ISA {

/// A number that is a Variable: its arithmetic records ops.
template <class T>
struct Dyn {
  Variable<T> v;
  Dyn() = default;
  explicit Dyn(Variable<T> x) : v(std::move(x)) {}
  explicit Dyn(double c) : v(static_cast<T>(c)) {}
};

namespace num {

// clang-format off
#define UNROLL_DYN1(f) template <class T> Dyn<T> f(const Dyn<T>& x) { return Dyn<T>(apply_compiled<T>(ScalarOp::f, {x.v})); }
UNROLL_DYN1(exp) UNROLL_DYN1(log) UNROLL_DYN1(sqrt) UNROLL_DYN1(tanh) UNROLL_DYN1(sin) UNROLL_DYN1(cos)
UNROLL_DYN1(abs) UNROLL_DYN1(erfc)
#undef UNROLL_DYN1
template <class T> Dyn<T> pow(const Dyn<T>& a, const Dyn<T>& b) { return Dyn<T>(apply_compiled<T>(ScalarOp::pow, {a.v, b.v})); }
template <class T> Dyn<T> gt(const Dyn<T>& a, const Dyn<T>& b) { return Dyn<T>(apply_compiled<T>(ScalarOp::greater, {a.v, b.v})); }
template <class T> Dyn<T> ge(const Dyn<T>& a, const Dyn<T>& b) { return Dyn<T>(apply_compiled<T>(ScalarOp::greater_equal, {a.v, b.v})); }
template <class T> Dyn<T> eq(const Dyn<T>& a, const Dyn<T>& b) { return Dyn<T>(apply_compiled<T>(ScalarOp::equal, {a.v, b.v})); }
template <class T> Dyn<T> select(const Dyn<T>& m, const Dyn<T>& a, const Dyn<T>& b) { return Dyn<T>(apply_compiled<T>(ScalarOp::where, {m.v, a.v, b.v})); }
// clang-format on

/// σ(x) = 1/(1 + e⁻ˣ) for slopes. The derivative of σ is computed from its value, σ (1 − σ), which is 0 where σ rounds to
/// 1; of 1 − σ(−x) it is right.
template <class T>
Dyn<T> sigmoid(const Dyn<T>& x) {
  const auto of = [](const Dyn<T>& z) { return Dyn<T>(apply_compiled<T>(ScalarOp::sigmoid, {z.v})); };
  return select(gt(x, Dyn<T>(0)), Dyn<T>(1) - of(-x), of(x));
}
/// 1 − σ(x) of s = σ(x); recorded, it has its digits, and so its derivative, also where s rounds to 1.
template <class Num>
UNROLL_INLINE Num one_minus_sigmoid(const Num& s, const Num&) {
  return Num(1) - s;
}
template <class T>
Dyn<T> one_minus_sigmoid(const Dyn<T>&, const Dyn<T>& x) {
  return sigmoid(-x);
}

/// Φ(x), the distribution function of the normal distribution.
template <class T>
Dyn<T> normal_cdf(const Dyn<T>& x) {
  return Dyn<T>(0.5) * erfc(x * Dyn<T>(-0.7071067811865475244));
}
/// x between −bound and bound: for slopes that no longer change beyond, where their formula has 0 · ∞.
template <class Num>
UNROLL_INLINE Num within(const Num& x, double bound) {
  return select(gt(x, Num(bound)), Num(bound), select(gt(Num(-bound), x), Num(-bound), x));
}

/// g, a multiple of d that may be infinite or undefined: nothing flows where d is 0.
template <class Num>
UNROLL_INLINE Num absorb(const Num& d, const Num& g) {
  return select(eq(d, Num(0)), Num(0), g);
}
template <class T>
Dyn<T> absorb(const Dyn<T>& d, const Dyn<T>& g) {
  return Dyn<T>(detail::absorb(d.v, g.v));
}
template <class Num>
UNROLL_INLINE Num chain(const Num& d, const Num& p) {
  return absorb(d, d * p);
}

}  // namespace num

// clang-format off
template <class T> Dyn<T> operator+(const Dyn<T>& a, const Dyn<T>& b) { return Dyn<T>(apply_compiled<T>(ScalarOp::add, {a.v, b.v})); }
template <class T> Dyn<T> operator-(const Dyn<T>& a, const Dyn<T>& b) { return Dyn<T>(apply_compiled<T>(ScalarOp::sub, {a.v, b.v})); }
template <class T> Dyn<T> operator*(const Dyn<T>& a, const Dyn<T>& b) { return Dyn<T>(apply_compiled<T>(ScalarOp::mul, {a.v, b.v})); }
template <class T> Dyn<T> operator/(const Dyn<T>& a, const Dyn<T>& b) { return Dyn<T>(apply_compiled<T>(ScalarOp::div, {a.v, b.v})); }
template <class T> Dyn<T> operator-(const Dyn<T>& a) { return Dyn<T>(apply_compiled<T>(ScalarOp::neg, {a.v})); }

#define UNROLL_VALUE1 template <class Num> static UNROLL_INLINE Num value(const Num& x)
#define UNROLL_VALUE2 template <class Num> static UNROLL_INLINE Num value(const Num& a, [[maybe_unused]] const Num& b)
#define UNROLL_ADJOINT1 template <class Num> static UNROLL_INLINE std::array<Num, 1> adjoint([[maybe_unused]] const Num& d, [[maybe_unused]] const Num& y, [[maybe_unused]] const Num& x)
#define UNROLL_ADJOINT2 template <class Num> static UNROLL_INLINE std::array<Num, 2> adjoint([[maybe_unused]] const Num& d, [[maybe_unused]] const Num& y, [[maybe_unused]] const Num& a, [[maybe_unused]] const Num& b)
#define UNROLL_VALUE3 template <class Num> static UNROLL_INLINE Num value(const Num& a, const Num& b, const Num& c)
#define UNROLL_ADJOINT3 template <class Num> static UNROLL_INLINE std::array<Num, 3> adjoint([[maybe_unused]] const Num& d, [[maybe_unused]] const Num& y, [[maybe_unused]] const Num& a, [[maybe_unused]] const Num& b, [[maybe_unused]] const Num& c)
#define UNROLL_OP(op_name, n) static constexpr const char* name = #op_name; static constexpr ScalarOp id = ScalarOp::op_name; static constexpr int arity = n

/// a + b
struct add_op { UNROLL_OP(add, 2);
  UNROLL_VALUE2 { return a + b; }
  UNROLL_ADJOINT2 { return {d, d}; }
};
/// a − b
struct sub_op { UNROLL_OP(sub, 2);
  UNROLL_VALUE2 { return a - b; }
  UNROLL_ADJOINT2 { return {d, -d}; }
};
/// a · b
struct mul_op { UNROLL_OP(mul, 2);
  UNROLL_VALUE2 { return a * b; }
  UNROLL_ADJOINT2 { return {d * b, d * a}; }
};
/// a / b
struct div_op { UNROLL_OP(div, 2);
  UNROLL_VALUE2 { return a / b; }
  UNROLL_ADJOINT2 { return {num::chain(d, Num(1) / b), num::chain(d, -(y / b))}; }
};
/// −x
struct neg_op { UNROLL_OP(neg, 1);
  UNROLL_VALUE1 { return -x; }
  UNROLL_ADJOINT1 { return {-d}; }
};
/// aᵇ; the derivative in b is 0 where a = 0, the one in a is 0 where b = 0
struct pow_op { UNROLL_OP(pow, 2);
  UNROLL_VALUE2 { return num::pow(a, b); }
  UNROLL_ADJOINT2 {
    const Num da = num::chain(d * b, num::pow(a, b - Num(1)));
    const Num db = num::select(num::eq(a, Num(0)), Num(0), num::chain(d, y * num::log(a)));
    return {da, db};
  }
};
/// eˣ
struct exp_op { UNROLL_OP(exp, 1);
  UNROLL_VALUE1 { return num::exp(x); }
  UNROLL_ADJOINT1 { return {d * y}; }
};
/// ln x
struct log_op { UNROLL_OP(log, 1);
  UNROLL_VALUE1 { return num::log(x); }
  UNROLL_ADJOINT1 { return {num::chain(d, Num(1) / x)}; }
};
/// √x, with slope ∞ at 0
struct sqrt_op { UNROLL_OP(sqrt, 1);
  UNROLL_VALUE1 { return num::sqrt(x); }
  UNROLL_ADJOINT1 { return {num::chain(d, Num(0.5) / y)}; }
};
/// x²
struct square_op { UNROLL_OP(square, 1);
  UNROLL_VALUE1 { return x * x; }
  UNROLL_ADJOINT1 { return {d * (x + x)}; }
};
/// |x|, with slope 0 at 0
struct abs_op { UNROLL_OP(abs, 1);
  UNROLL_VALUE1 { return num::abs(x); }
  UNROLL_ADJOINT1 { return {num::select(num::gt(x, Num(0)), d, num::select(num::gt(Num(0), x), -d, num::select(num::eq(x, Num(0)), Num(0), x)))}; }
};
/// tanh x
struct tanh_op { UNROLL_OP(tanh, 1);
  UNROLL_VALUE1 { return num::tanh(x); }
  UNROLL_ADJOINT1 { return {d * (Num(1) - y * y)}; }
};
/// 1 / (1 + e⁻ˣ)
struct sigmoid_op { UNROLL_OP(sigmoid, 1);
  UNROLL_VALUE1 { return num::sigmoid(x); }
  UNROLL_ADJOINT1 { return {d * (y * (Num(1) - y))}; }
};
/// max(x, 0), with slope 0 at 0
struct relu_op { UNROLL_OP(relu, 1);
  UNROLL_VALUE1 { return num::select(num::ge(Num(0), x), Num(0), x); }
  UNROLL_ADJOINT1 { return {num::select(num::gt(x, Num(0)), d, num::select(num::ge(Num(0), x), Num(0), num::absorb(d, x)))}; }
};
/// x where x > 0, else slope · x
struct leaky_relu_op { UNROLL_OP(leaky_relu, 2);
  UNROLL_VALUE2 { return num::select(num::gt(a, Num(0)), a, b * a); }
  UNROLL_ADJOINT2 { return {num::select(num::gt(a, Num(0)), d, d * b), num::select(num::gt(a, Num(0)), Num(0), d * a)}; }
};
/// x where x > 0, else α (eˣ − 1)
struct elu_op { UNROLL_OP(elu, 2);
  UNROLL_VALUE2 { return num::select(num::gt(a, Num(0)), a, b * num::expm1(a)); }
  UNROLL_ADJOINT2 { return {num::select(num::gt(a, Num(0)), d, d * (y + b)), num::select(num::gt(a, Num(0)), Num(0), d * (num::exp(a) - Num(1)))}; }
};
/// ln(1 + eˣ)
struct softplus_op { UNROLL_OP(softplus, 1);
  UNROLL_VALUE1 { return num::select(num::gt(x, Num(0)), x, Num(0)) + num::log1p(num::exp(-num::abs(x))); }
  UNROLL_ADJOINT1 { return {d * num::sigmoid(x)}; }
};
/// x / (1 + e⁻ˣ) = x σ(x)
struct silu_op { UNROLL_OP(silu, 1);
  UNROLL_VALUE1 { return num::silu(x); }
  UNROLL_ADJOINT1 { const Num s = num::sigmoid(x); return {d * (s * (Num(1) + num::within(x, 800) * num::one_minus_sigmoid(s, x)))}; }
};
/// x Φ(x) = ½ x (1 + erf(x/√2)), with the distribution function Φ of the normal distribution
struct gelu_op { UNROLL_OP(gelu, 1);
  UNROLL_VALUE1 { return num::gelu(x); }
  UNROLL_ADJOINT1 {
    const Num t = num::within(x, 40);
    return {d * (num::normal_cdf(x) + t * (Num(0.39894228040143267794) * num::exp(Num(-0.5) * (t * t))))};
  }
};
/// ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))), near gelu
struct gelu_tanh_op { UNROLL_OP(gelu_tanh, 1);
  UNROLL_VALUE1 { return num::gelu_tanh(x); }
  UNROLL_ADJOINT1 {
    const Num t = num::within(x, 40), p = Num(1.5957691216057307118), q = Num(0.044715 * 1.5957691216057307118) * (t * t);
    const Num u = t * (p + q), s = num::sigmoid(u);
    return {d * (s * (Num(1) + t * num::one_minus_sigmoid(s, u) * (p + Num(3) * q)))};
  }
};
/// x tanh(ln(1 + eˣ))
struct mish_op { UNROLL_OP(mish, 1);
  UNROLL_VALUE1 { return num::mish(x); }
  UNROLL_ADJOINT1 {
    const Num s = num::sigmoid(x), c = num::one_minus_sigmoid(s, x), q = Num(1) + c * c;  // tanh(…) = s (2 − s) / q
    return {d * (s * ((Num(2) - s) / q + num::within(x, 800) * (Num(4) * (c * c) / (q * q))))};
  }
};
/// ln(1 + x)
struct log1p_op { UNROLL_OP(log1p, 1);
  UNROLL_VALUE1 { return num::select(num::eq(x, Num(0)), x, num::log1p(x)); }
  UNROLL_ADJOINT1 { return {num::chain(d, Num(1) / (Num(1) + x))}; }
};
/// eˣ − 1
struct expm1_op { UNROLL_OP(expm1, 1);
  UNROLL_VALUE1 { return num::expm1(x); }
  UNROLL_ADJOINT1 { return {d * num::exp(x)}; }
};
/// 2/√π ∫₀ˣ e^(−t²) dt
struct erf_op { UNROLL_OP(erf, 1);
  UNROLL_VALUE1 { return num::erf(x); }
  UNROLL_ADJOINT1 { const Num t = num::within(x, 40); return {d * (Num(1.1283791670955125739) * num::exp(-(t * t)))}; }
};
/// 1 − erf(x), without loss where it is small
struct erfc_op { UNROLL_OP(erfc, 1);
  UNROLL_VALUE1 { return num::erfc(x); }
  UNROLL_ADJOINT1 { const Num t = num::within(x, 40); return {d * (Num(-1.1283791670955125739) * num::exp(-(t * t)))}; }
};
/// 1, 0 or −1, as x is above, at or below 0; no gradient
struct sign_op { UNROLL_OP(sign, 1);
  UNROLL_VALUE1 { return num::select(num::gt(x, Num(0)), Num(1), num::select(num::gt(Num(0), x), Num(-1), x)); }
  UNROLL_ADJOINT1 { return {Num(0)}; }
};
/// the largest whole number that is at most x; no gradient
struct floor_op { UNROLL_OP(floor, 1);
  UNROLL_VALUE1 { return num::floor(x); }
  UNROLL_ADJOINT1 { return {Num(0)}; }
};
/// the nearest whole number, halves to the even one; no gradient
struct round_op { UNROLL_OP(round, 1);
  UNROLL_VALUE1 { return num::round(x); }
  UNROLL_ADJOINT1 { return {Num(0)}; }
};
/// sin x
struct sin_op { UNROLL_OP(sin, 1);
  UNROLL_VALUE1 { return num::sin(x); }
  UNROLL_ADJOINT1 { return {d * num::cos(x)}; }
};
/// cos x
struct cos_op { UNROLL_OP(cos, 1);
  UNROLL_VALUE1 { return num::cos(x); }
  UNROLL_ADJOINT1 { return {-(d * num::sin(x))}; }
};
/// tan x
struct tan_op { UNROLL_OP(tan, 1);
  UNROLL_VALUE1 { return num::tan(x); }
  UNROLL_ADJOINT1 { return {d * (Num(1) + y * y)}; }
};
/// the angle of the point (b, a) in −π … π, with slopes 0 at (0, 0)
struct atan2_op { UNROLL_OP(atan2, 2);
  UNROLL_VALUE2 { return num::atan2(a, b); }
  UNROLL_ADJOINT2 {
    const auto steep = num::gt(num::abs(a), num::abs(b));
    const Num far = num::select(steep, a, b), near = num::select(steep, b, a);
    const auto origin = num::eq(far, Num(0));
    const Num large = num::select(origin, Num(1), far);  // or 0 · ∞ would be in a recorded slope
    const Num r = num::select(num::eq(num::abs(near), Num(std::numeric_limits<double>::infinity())), Num(0), near / large);
    const Num p = num::chain(d, num::select(origin, Num(0), (Num(1) / large) / (Num(1) + r * r))), q = r * p;
    return {num::select(steep, q, p), num::select(steep, -p, -q)};
  }
};
/// √(1 − a²), without loss near |a| = 1; its slope is −a / max(√(1 − a²), ½ √floor)
struct root_one_minus_square_op { UNROLL_OP(root_one_minus_square, 2);
  UNROLL_VALUE2 { return num::sqrt((Num(1) - a) * (Num(1) + a)); }
  UNROLL_ADJOINT2 {
    const Num least = Num(0.5) * num::sqrt(b);
    return {num::chain(d, -(a / num::select(num::gt(least, y), least, y))), Num(0)};
  }
};
/// √(1 − a²) of l = ln a, without loss near 0; its slope is −a² / max(√(1 − a²), ½ √floor)
struct root_one_minus_exp_op { UNROLL_OP(root_one_minus_exp, 2);
  UNROLL_VALUE2 { return num::sqrt(-num::expm1(a + a)); }
  UNROLL_ADJOINT2 {
    const Num least = Num(0.5) * num::sqrt(b);
    return {num::chain(d, -(num::exp(a + a) / num::select(num::gt(least, y), least, y))), Num(0)};
  }
};
/// min(a, b); a tie shares the gradient by halves; NaN if either is
struct minimum_op { UNROLL_OP(minimum, 2);
  UNROLL_VALUE2 { return num::select(num::gt(b, a), a, num::select(num::ge(a, b), b, a + b)); }
  UNROLL_ADJOINT2 {
    const Num tie = num::select(num::eq(a, b), Num(0.5) * d, Num(0));
    return {num::select(num::gt(b, a), d, tie), num::select(num::gt(a, b), d, tie)};
  }
};
/// max(a, b); a tie shares the gradient by halves; NaN if either is
struct maximum_op { UNROLL_OP(maximum, 2);
  UNROLL_VALUE2 { return num::select(num::gt(a, b), a, num::select(num::ge(b, a), b, a + b)); }
  UNROLL_ADJOINT2 {
    const Num tie = num::select(num::eq(a, b), Num(0.5) * d, Num(0));
    return {num::select(num::gt(a, b), d, tie), num::select(num::gt(b, a), d, tie)};
  }
};
/// min(max(a, b), c): a between the bounds b and c, which pass the gradient; NaN if any of them is
struct clamp_op { UNROLL_OP(clamp, 3);
  UNROLL_VALUE3 { return minimum_op::value(maximum_op::value(a, b), c); }
  UNROLL_ADJOINT3 {
    const Num below = num::select(num::gt(b, a), d, Num(0)), above = num::select(num::gt(b, a), Num(0), num::select(num::gt(a, c), d, Num(0)));
    return {num::select(num::gt(b, a), Num(0), num::select(num::gt(a, c), Num(0), d)), below, above};
  }
};
/// b where a ≠ 0, else c
struct where_op { UNROLL_OP(where, 3);
  UNROLL_VALUE3 { return num::select(num::eq(a, Num(0)), c, b); }
  UNROLL_ADJOINT3 { return {Num(0), num::select(num::eq(a, Num(0)), Num(0), d), num::select(num::eq(a, Num(0)), d, Num(0))}; }
};
/// a + c (b − a)
struct lerp_op { UNROLL_OP(lerp, 3);
  UNROLL_VALUE3 { return a + c * (b - a); }
  UNROLL_ADJOINT3 { return {d * (Num(1) - c), d * c, d * (b - a)}; }
};
/// 1 where a > b, else 0; no gradient
struct greater_op { UNROLL_OP(greater, 2);
  UNROLL_VALUE2 { return num::select(num::gt(a, b), Num(1), Num(0)); }
  UNROLL_ADJOINT2 { return {Num(0), Num(0)}; }
};
/// 1 where a ≥ b, else 0; no gradient
struct greater_equal_op { UNROLL_OP(greater_equal, 2);
  UNROLL_VALUE2 { return num::select(num::ge(a, b), Num(1), Num(0)); }
  UNROLL_ADJOINT2 { return {Num(0), Num(0)}; }
};
/// 1 where a = b, else 0; no gradient
struct equal_op { UNROLL_OP(equal, 2);
  UNROLL_VALUE2 { return num::select(num::eq(a, b), Num(1), Num(0)); }
  UNROLL_ADJOINT2 { return {Num(0), Num(0)}; }
};
// clang-format on

#undef UNROLL_OP
#undef UNROLL_VALUE1
#undef UNROLL_VALUE2
#undef UNROLL_VALUE3
#undef UNROLL_ADJOINT1
#undef UNROLL_ADJOINT2
#undef UNROLL_ADJOINT3

}  // namespace UNROLL_ISA
}  // namespace unroll::detail
