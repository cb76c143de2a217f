#pragma once
/// \file Which numbers matrix products multiply.

namespace unroll {

/// What the operands of a product in float are rounded to. Its sums and results are float32 always.
enum class Precision : char {
  float32,  ///< not at all
  bfloat16  ///< 8 bits of mantissa, the exponents of float32
};

/// What:   while it lives, ops of this thread multiply their operands in this precision: linear, matmul, einsum, the full
///         convolution of causal_conv1d, and every layer made of them. A nestable scope, like NoGrad. A product keeps the
///         precision in which it was recorded: backward, deferred weight gradients, recomputation, shards and helper
///         threads use it outside of the scope, too.
/// Range:  operands are rounded to the nearest, ties to even; denormal numbers, of operands and of sums, become 0; NaN stays
///         NaN, infinity infinity. A result has the same bits with any number of threads, on every x86 processor and with
///         each of its instruction sets, and, with A not transposed, whatever rows stand beside it.
/// Limits: products of double are as always. So are those of linear attention's and selective scans' own kernels, of
///         gradients with create_graph, of exact real-time learning (RTRL), and of gradcheck.
class MatmulPrecision {
 public:
  /// Products recorded from now on.
  explicit MatmulPrecision(Precision precision) : before_(innermost) {
    innermost = precision == Precision::bfloat16 ? Choice::bfloat16 : Choice::float32;
  }
  ~MatmulPrecision() { innermost = before_; }
  MatmulPrecision(const MatmulPrecision&) = delete;
  MatmulPrecision& operator=(const MatmulPrecision&) = delete;
  /// That of the innermost scope of this thread; outside of all, that of the program.
  static Precision current() {
    if (innermost == Choice::of_program) return of_program();
    return innermost == Choice::bfloat16 ? Precision::bfloat16 : Precision::float32;
  }

 private:
  enum class Choice : char { of_program, float32, bfloat16 };
  static Precision of_program();
  Choice before_;
  [[gnu::tls_model("initial-exec")]] static thread_local constinit Choice innermost;
};

/// The precision of all threads, outside of MatmulPrecision: float32 at first.
void set_matmul_precision(Precision precision);

/// What:   whether products in bfloat16 are computed without the processor's instruction for them (AVX512_BF16): operands
///         are rounded and multiplied in float32, which gives the same bits and saves no time. So it is where the
///         instruction is missing, and where it gives other bits: the first call, or the first product, compares some
///         hundred products.
bool bfloat16_is_emulated();
/// Computes products in bfloat16 without the instruction, whatever the processor, or again with it where it can be; for
/// tests. Weights that are packed stay as they are.
void emulate_bfloat16(bool emulate);

}  // namespace unroll
