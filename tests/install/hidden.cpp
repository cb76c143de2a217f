// A program that hides its symbols and uses the library as a shared one.
#include <unroll/unroll.hpp>

#include <cstdio>

using namespace unroll;

int main() {
  Lstm<float> lstm(3, 4);
  const Variable<float> x({5, 2, 3}, 0.5F);
  const auto recorded = [] { return tape_stats<float>().recorded; };
  const auto before = recorded();
  {
    const NoGrad off;
    lstm(x);
    const Variable<float> y = tanh(lstm(x).output) * 2.F;
    if (y.requires_grad()) return 1;
  }
  if (recorded() != before) {
    std::printf("%llu nodes recorded under NoGrad\n", static_cast<unsigned long long>(recorded() - before));
    return 1;
  }
  sum(lstm(x).output).backward();
  if (recorded() == before) return 1;
  const AnomalyMode on;
  try {
    lstm(Variable<float>({1, 1, 3}, std::numeric_limits<float>::quiet_NaN()));
  } catch (const UsageError&) {
    return 0;
  }
  return 1;
}
