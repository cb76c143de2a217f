#include "unroll/detail/export/c_ops.hpp"

#include <algorithm>
#include <array>

#include "unroll/autograd/error.hpp"

namespace unroll::detail {
namespace {

constexpr std::string_view half_sign = "($a > 0_F ? 1_F : $a < 0_F ? -1_F : 0_F)";

// In no order: c_op() looks for the op.
constexpr COp c_ops[] = {
    {ScalarOp::add, "$a + $b", {"1", "1"}},
    {ScalarOp::sub, "$a - $b", {"1", "-1"}},
    {ScalarOp::mul, "$a * $b", {"$b", "$a"}},
    {ScalarOp::div, "$a / $b", {"1_F / $b", "-$y / $b"}},
    {ScalarOp::neg, "-$a", {"-1"}},
    {ScalarOp::greater, "$a > $b ? 1_F : 0_F"},
    {ScalarOp::greater_equal, "$a >= $b ? 1_F : 0_F"},
    {ScalarOp::equal, "$a == $b ? 1_F : 0_F"},
    {ScalarOp::exp, "@exp($a)", {"$y"}},
    {ScalarOp::log, "@log($a)", {"1_F / $a"}},
    {ScalarOp::sqrt, "@sqrt($a)", {"0.5_F / $y"}},
    {ScalarOp::square, "$a * $a", {"$a + $a"}},
    {ScalarOp::abs, "@fabs($a)", {half_sign}},
    {ScalarOp::tanh, "@tanh($a)", {"1_F - $y * $y"}},
    {ScalarOp::sigmoid, "@sigmoid($a)", {"$y * (1_F - $y)"}},
    {ScalarOp::relu, "0_F >= $a ? 0_F : $a", {"$a > 0_F ? 1_F : 0_F"}},
    {ScalarOp::softplus, "@softplus($a)", {"@sigmoid($a)"}},
    {ScalarOp::sin, "@sin($a)", {"@cos($a)"}},
    {ScalarOp::cos, "@cos($a)", {"-@sin($a)"}},
    {ScalarOp::silu, "$a * @sigmoid($a)", {"@silu_slope($a)"}},
    {ScalarOp::gelu,
     "0.5_F * $a * @erfc($a * -0.70710678118654752_F)",
     {"0.5_F * @erfc($a * -0.70710678118654752_F) + 0.39894228040143268_F * $a * @exp(-0.5_F * $a * $a)"}},
    {ScalarOp::gelu_tanh,
     "$a * @sigmoid(1.5957691216057308_F * $a * (1_F + 0.044715_F * $a * $a))",
     {"@gelu_tanh_slope($a)"}},
    {ScalarOp::mish, "$a * @tanh(@softplus($a))", {"@mish_slope($a)"}},
    {ScalarOp::log1p, "@log1p($a)", {"1_F / (1_F + $a)"}},
    {ScalarOp::expm1, "@expm1($a)", {"$y + 1_F"}},
    {ScalarOp::erf, "@erf($a)", {"1.1283791670955126_F * @exp(-$a * $a)"}},
    {ScalarOp::erfc, "@erfc($a)", {"-1.1283791670955126_F * @exp(-$a * $a)"}},
    {ScalarOp::sign, half_sign},
    {ScalarOp::floor, "@floor($a)"},
    {ScalarOp::round, "@rint($a)"},
    {ScalarOp::tan, "@tan($a)", {"1_F + $y * $y"}},
    {ScalarOp::pow,
     "@pow($a, $b)",
     {"$b == 0_F ? 0_F : $b * @pow($a, $b - 1_F)", "$a == 0_F ? 0_F : $y * @log($a)"}},
    {ScalarOp::minimum,
     "$b > $a ? $a : $a >= $b ? $b : $a + $b",
     {"$a < $b ? 1_F : $a == $b ? 0.5_F : 0_F", "$b < $a ? 1_F : $a == $b ? 0.5_F : 0_F"}},
    {ScalarOp::maximum,
     "$a > $b ? $a : $b >= $a ? $b : $a + $b",
     {"$a > $b ? 1_F : $a == $b ? 0.5_F : 0_F", "$b > $a ? 1_F : $a == $b ? 0.5_F : 0_F"}},
    {ScalarOp::atan2,
     "@atan2($a, $b)",
     {"$a == 0_F && $b == 0_F ? 0_F : $b / ($a * $a + $b * $b)",
      "$a == 0_F && $b == 0_F ? 0_F : -$a / ($a * $a + $b * $b)"}},
    {ScalarOp::leaky_relu, "$a > 0_F ? $a : $b * $a", {"$a > 0_F ? 1_F : $b", "$a > 0_F ? 0_F : $a"}},
    {ScalarOp::elu,
     "$a > 0_F ? $a : $b * @expm1($a)",
     {"$a > 0_F ? 1_F : $y + $b", "$a > 0_F ? 0_F : @expm1($a)"}},
    {ScalarOp::clamp,
     "$a < $b ? $b : $a > $c ? $c : $a",
     {"$a < $b || $a > $c ? 0_F : 1_F", "$a < $b ? 1_F : 0_F", "$a > $c && $a >= $b ? 1_F : 0_F"}},
    {ScalarOp::where, "$a == 0_F ? $c : $b", {"", "$a == 0_F ? 0_F : 1_F", "$a == 0_F ? 1_F : 0_F"}},
    {ScalarOp::lerp, "$a + $c * ($b - $a)", {"1_F - $c", "$c", "$b - $a"}},
    {ScalarOp::root_one_minus_square,
     "@sqrt((1_F - $a) * (1_F + $a))",
     {"-$a / ($y > 0.5_F * @sqrt($b) ? $y : 0.5_F * @sqrt($b))"}},
    {ScalarOp::root_one_minus_exp,
     "@sqrt(-@expm1($a + $a))",
     {"-@exp($a + $a) / ($y > 0.5_F * @sqrt($b) ? $y : 0.5_F * @sqrt($b))"}},
};

constexpr CFunction in_both[] = {
    {"silu_slope", "@sigmoid(a) * (1_F + a * @sigmoid(-a))"},
    {"gelu_tanh_slope",
     "{\n  const REAL q = 0.071354816272600247_F * a * a, s = @sigmoid(a * (1.5957691216057308_F + q));\n"
     "  return s * (1_F + a * (1_F - s) * (1.5957691216057308_F + 3_F * q));\n}"},
    {"mish_slope",
     "{\n  const REAL s = @sigmoid(a), c = 1_F - s, q = 1_F + c * c;\n"
     "  return s * ((2_F - s) / q + a * (4_F * c * c / (q * q)));\n}"},
};

constexpr CFunction in_exact[] = {
    {"sigmoid", "1_F / (1_F + @exp(-a))"},
    {"softplus", "(a > 0_F ? a : 0_F) + @log1p(@exp(-@fabs(a)))"},
};

// The polynomials of exp and log are those of Cephes; that of short_exp is the best of its degree on [−½ ln 2, ½ ln 2].
// Those of tanh, there, and of small_erf, on [0, 1.55], interpolate at Chebyshev's points.
constexpr CFunction in_fast[] = {
    {"fabs", "a < 0_F ? -a : a"},
    {"exp",
     "{\n"
     "  /* 2^n e^r, |r| at most half of ln 2 */\n"
     "  const REAL b = a > 88_F ? 88_F : a < -87_F ? -87_F : a;\n"
     "  const INT n = (INT)(b * 1.44269504088896341_F + 128.5_F) - 128;\n"
     "  const REAL m = (REAL)n, r = b - m * 0.693359375_F + m * 2.12194440054690583e-4_F;\n"
     "  REAL p = 1.9875691500e-4_F;\n"
     "  union { INT i; REAL x; } scale;\n"
     "  p = p * r + 1.3981999507e-3_F;\n"
     "  p = p * r + 8.3334519073e-3_F;\n"
     "  p = p * r + 4.1665795894e-2_F;\n"
     "  p = p * r + 1.6666665459e-1_F;\n"
     "  p = p * r + 5.0000001201e-1_F;\n"
     "  scale.i = (n + BIAS) * ONE;\n"
     "  return (p * r * r + r + 1_F) * scale.x;\n"
     "}"},
    {"short_exp",
     "{\n"
     "  /* the same, right to 2e-7 of its value: enough for what is divided by it */\n"
     "  const REAL b = a > 87_F ? 87_F : a < -87_F ? -87_F : a;\n"
     "  const INT n = (INT)(b * 1.44269504088896341_F + 128.5_F) - 128;\n"
     "  const REAL r = b - (REAL)n * 0.693147180559945309_F, q = r * r;\n"
     "  const REAL p = (1.0000000721_F + 9.999996901e-1_F * r) +\n"
     "                 q * ((4.999889047e-1_F + 1.666757836e-1_F * r) + q * (4.19158766e-2_F + "
     "8.2975838e-3_F * r));\n"
     "  union { INT i; REAL x; } scale;\n"
     "  scale.i = (n + BIAS) * ONE;\n"
     "  return p * scale.x;\n"
     "}"},
    {"sigmoid", "1_F / (1_F + @short_exp(-a))"},
    {"tanh",
     "{\n"
     "  /* of |a|: 1 - 1 / (1/2 + e^2a / 2), with e^2a = 2^n e^2r */\n"
     "  const REAL b = a < 0_F ? -a : a, c = b > 43_F ? 43_F : b;\n"
     "  const INT n = (INT)(c * 2.88539008177792681_F + 0.5_F);\n"
     "  const REAL r = c - (REAL)n * 0.346573590279972655_F, q = r * r;\n"
     "  const REAL p = (1_F + 2_F * r) + q * ((2_F + 1.33332039_F * r) +\n"
     "                 q * ((6.66663434e-1_F + 2.678139e-1_F * r) + q * 8.91755895e-2_F));\n"
     "  union { INT i; REAL x; } half_scale;\n"
     "  REAL y;\n"
     "  half_scale.i = (n + BIAS - 1) * ONE;\n"
     "  y = 1_F - 1_F / (0.5_F + p * half_scale.x);\n"
     "  return a < 0_F ? -y : y;\n"
     "}"},
    {"small_erf",
     "{\n"
     "  /* |a| < 1.5 */\n"
     "  const REAL z = a * a;\n"
     "  REAL p = -5.37748193e-6_F;\n"
     "  p = p * z + 8.989050309e-5_F;\n"
     "  p = p * z - 7.982973461e-4_F;\n"
     "  p = p * z + 5.163751003e-3_F;\n"
     "  p = p * z - 2.683055299e-2_F;\n"
     "  p = p * z + 1.128274317e-1_F;\n"
     "  p = p * z - 3.761252018e-1_F;\n"
     "  return a * (p * z + 1.128379145_F);\n"
     "}"},
    {"erfc",
     "{\n"
     "  /* Abramowitz and Stegun 7.1.26, but near 0, where it loses places */\n"
     "  const REAL b = a < 0_F ? -a : a, t = 1_F / (1_F + 0.3275911_F * b);\n"
     "  REAL p = 1.061405429_F;\n"
     "  p = p * t - 1.453152027_F;\n"
     "  p = p * t + 1.421413741_F;\n"
     "  p = p * t - 0.284496736_F;\n"
     "  p = p * t + 0.254829592_F;\n"
     "  p = p * t * @exp(-b * b);\n"
     "  return b < 1.5_F ? 1_F - @small_erf(a) : a < 0_F ? 2_F - p : p;\n"
     "}"},
    {"erf", "a > -1.5_F && a < 1.5_F ? @small_erf(a) : 1_F - @erfc(a)"},
    {"log",
     "{\n"
     "  /* a = 2^n m, m between the roots of 1/2 and 2 */\n"
     "  union { REAL x; INT i; } u;\n"
     "  REAL x, y, p, n;\n"
     "  if (!(a > 0_F)) return a == 0_F ? -1e30_F : a - a;\n"
     "  u.x = a;\n"
     "  n = (REAL)(u.i / ONE - BIAS);\n"
     "  u.i = u.i % ONE + BIAS * ONE;\n"
     "  x = u.x;\n"
     "  if (x > 1.41421356237_F) x = x * 0.5_F, n = n + 1_F;\n"
     "  x = x - 1_F;\n"
     "  y = x * x;\n"
     "  p = 7.0376836292e-2_F;\n"
     "  p = p * x - 1.1514610310e-1_F;\n"
     "  p = p * x + 1.1676998740e-1_F;\n"
     "  p = p * x - 1.2420140846e-1_F;\n"
     "  p = p * x + 1.4249322787e-1_F;\n"
     "  p = p * x - 1.6668057665e-1_F;\n"
     "  p = p * x + 2.0000714765e-1_F;\n"
     "  p = p * x - 2.4999993993e-1_F;\n"
     "  p = p * x + 3.3333331174e-1_F;\n"
     "  return x + x * y * p - 0.5_F * y + n * 0.693147180559945309_F;\n"
     "}"},
    {"log1p", "a > -1e-4_F && a < 1e-4_F ? a - 0.5_F * a * a : @log(1_F + a)"},
    {"expm1", "a > -1e-3_F && a < 1e-3_F ? a + 0.5_F * a * a : @exp(a) - 1_F"},
    {"softplus", "(a > 0_F ? a : 0_F) + @log1p(@exp(a > 0_F ? -a : a))"},
    {"sqrt",
     "{\n"
     "  /* Newton's steps from a guess by halving the exponent */\n"
     "  union { REAL x; INT i; } u;\n"
     "  REAL y;\n"
     "  if (!(a > 0_F)) return a == 0_F ? a : a - a;\n"
     "  u.x = a;\n"
     "  u.i = u.i / 2 + BIAS * ONE / 2;\n"
     "  y = u.x;\n"
     "  y = 0.5_F * (y + a / y);\n"
     "  y = 0.5_F * (y + a / y);\n"
     "  y = 0.5_F * (y + a / y);\n"
     "  return 0.5_F * (y + a / y);\n"
     "}"},
    {"floor",
     "{\n"
     "  REAL n;\n"
     "  if (!(a > -1e6_F && a < 1e6_F)) return a;\n"
     "  n = (REAL)(INT)a;\n"
     "  return n > a ? n - 1_F : n;\n"
     "}"},
    {"rint",
     "{\n"
     "  REAL n;\n"
     "  if (!(a > -1e6_F && a < 1e6_F)) return a;\n"
     "  n = @floor(a + 0.5_F);\n"
     "  return n - a == 0.5_F && (INT)n % 2 != 0 ? n - 1_F : n;\n"
     "}"},
};

const CFunction* find(std::span<const CFunction> among, std::string_view name) {
  const auto found = std::find_if(among.begin(), among.end(), [&](const auto& f) { return f.name == name; });
  return found == among.end() ? nullptr : &*found;
}

}  // namespace

const COp& c_op(ScalarOp op) {
  const auto found =
      std::find_if(std::begin(c_ops), std::end(c_ops), [&](const COp& c) { return c.op == op; });
  if (found == std::end(c_ops)) raise<UsageError>("export_c: {} cannot be written as C", facts_of(op).name);
  return *found;
}

const CFunction* c_function(std::string_view name, bool fast) {
  if (const CFunction* f = find(in_both, name)) return f;
  return fast ? find(in_fast, name) : find(in_exact, name);
}

}  // namespace unroll::detail
