/* Runs a network that was written as C, and compares: prints its name and the largest difference. CASE is the file that
   write_all wrote. */
#include CASE

#include <math.h>
#include <stdio.h>

static double difference(double a, double b) {
  const double d = fabs(a - b);
  return d == d ? d : 1e300;
}

int main(void) {
  static STATE state, other;
  REAL y[OUTPUTS];
  double worst = 0;
  RESET(&state);
  RESET(&other);
  for (int t = 0; t < STEPS; ++t) {
#ifdef JACOBIAN
    if (t == STEPS - 1) {
      static REAL slopes[JACOBIAN];
      JACOBIAN_OF(&state, inputs + t * INPUTS, slopes);
      for (int k = 0; k < JACOBIAN; ++k) {
        const double d = difference((double)slopes[k], (double)jacobian[k]);
        if (d / 10 > worst) worst = d / 10;
      }
    }
#endif
#ifdef SYMBOLS
    STEP(&state, (int)inputs[t], y);
    if (t == 0) { /* out of range: the first one */
      REAL wrong[OUTPUTS], right[OUTPUTS];
      STEP(&other, -1, wrong);
      RESET(&other);
      STEP(&other, 0, right);
      for (int k = 0; k < OUTPUTS; ++k)
        if (wrong[k] < right[k] || wrong[k] > right[k]) worst = 1e300;
    }
#else
    STEP(&state, inputs + t * INPUTS, y);
    if (t % 2 == 0) STEP(&other, inputs + t * INPUTS, (REAL[OUTPUTS]){0}); /* another state changes nothing */
#endif
    for (int k = 0; k < OUTPUTS; ++k) {
      const double d = difference((double)y[k], (double)outputs[t * OUTPUTS + k]);
      if (d > worst) worst = d;
    }
  }
  printf("%s %.2e (%.0e)\n", NAME, worst, (double)BOUND);
  return worst <= BOUND ? 0 : 1;
}
