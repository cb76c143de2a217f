#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/flush_to_zero.hpp"
#include "unroll/autograd/functions.hpp"

using namespace unroll;
using namespace unroll::tests;

#ifdef __SSE2__

TEST_CASE("flush to zero: denormal results are 0 while it lives, and no longer") {
  const auto smallest = row<float>({1e-30, 1e-30});
  const auto product = [&] { return list(Variable<float>(smallest * 1e-10F)); };
  const std::vector<double> denormal = product();
  CHECK(denormal[0] > 0);
  {
    const FlushToZero outer;
    {
      const FlushToZero inner;
      CHECK(product() == std::vector<double>{0, 0});
    }
    CHECK(product() == std::vector<double>{0, 0});
  }
  CHECK(product() == denormal);
}

#else

TEST_CASE("flush to zero: may be asked for on any processor") { const FlushToZero scope; }

#endif
