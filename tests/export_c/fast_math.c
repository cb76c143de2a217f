/* The polynomials of a file with .math = fast, against libm in double, over all floats of a range or every STEP-th of them.
   CASE is the file that write_all wrote, from which the functions are taken. */
#include CASE

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifndef STEP
#define STEP 997 /* a prime: all patterns of low bits occur */
#endif

static double sigmoid_of(double a) { return 1 / (1 + exp(-a)); }
static double softplus_of(double a) { return (a > 0 ? a : 0) + log1p(exp(-fabs(a))); }

static float from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* The largest error where low <= x <= high. */
static int check(const char* name, float (*fast)(float), double (*right)(double), float low, float high, double bound) {
  double worst = 0;
  float at = 0;
  for (uint64_t bits = 0; bits <= 0xffffffffu; bits += STEP) {
    const float x = from_bits((uint32_t)bits);
    double error;
    if (!(x >= low && x <= high)) continue;
    error = fabs((double)fast(x) - right((double)x));
    if (!(error <= worst)) worst = error, at = x;
  }
  printf("%s: %.2e at %.9g\n", name, worst, (double)at);
  return worst <= bound ? 0 : 1;
}

/* Beyond the ranges results exceed 1, and the error is one of the last places. erf is a sum of terms larger than itself. */
int main(void) {
  int failed = 0;
  failed += check("sigmoid", fast_ops_sigmoid, sigmoid_of, -INFINITY, INFINITY, 2e-7);
  failed += check("tanh", fast_ops_tanh, tanh, -INFINITY, INFINITY, 2e-7);
  failed += check("exp", fast_ops_exp, exp, -INFINITY, 0, 2e-7);
  failed += check("expm1", fast_ops_expm1, expm1, -INFINITY, 0.69f, 2e-7);
  failed += check("log", fast_ops_log, log, 0.368f, 2.718f, 2e-7);
  failed += check("log1p", fast_ops_log1p, log1p, -0.632f, 1.718f, 2e-7);
  failed += check("softplus", fast_ops_softplus, softplus_of, -INFINITY, 0.54f, 2e-7);
  failed += check("erf", fast_ops_erf, erf, -INFINITY, INFINITY, 3e-7);
  failed += check("sqrt", fast_ops_sqrt, sqrt, 0, 1, 2e-7);
  failed += check("floor", fast_ops_floor, floor, -2, 2, 2e-7);
  failed += check("rint", fast_ops_rint, rint, -2, 2, 2e-7);
  return failed;
}
