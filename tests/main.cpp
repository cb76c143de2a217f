#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdlib>
#include <optional>
#include <string_view>

#include "unroll/autograd/precision.hpp"
#include "unroll/layers/scan_programs.hpp"

// With UNROLL_SCAN_STEPS=recorded or =checked scans run their steps in this way; without it, as always. With
// UNROLL_MATMUL_PRECISION=bfloat16 products in float are done in bfloat16.
int main(int argc, char** argv) {
  const char* const asked = std::getenv("UNROLL_SCAN_STEPS");
  std::optional<unroll::ScanMode> mode;
  if (asked)
    mode.emplace(std::string_view(asked) == "checked" ? unroll::ScanSteps::checked
                                                      : unroll::ScanSteps::recorded);
  const char* const precision = std::getenv("UNROLL_MATMUL_PRECISION");
  if (precision && std::string_view(precision) == "bfloat16")
    unroll::set_matmul_precision(unroll::Precision::bfloat16);
  doctest::Context context(argc, argv);
  return context.run();
}
