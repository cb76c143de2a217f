#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdlib>
#include <optional>
#include <string_view>

#include "unroll/layers/scan_programs.hpp"

// With UNROLL_SCAN_STEPS=recorded or =checked scans run their steps in this way; without it, as always.
int main(int argc, char** argv) {
  const char* const asked = std::getenv("UNROLL_SCAN_STEPS");
  std::optional<unroll::ScanMode> mode;
  if (asked)
    mode.emplace(std::string_view(asked) == "checked" ? unroll::ScanSteps::checked
                                                      : unroll::ScanSteps::recorded);
  doctest::Context context(argc, argv);
  return context.run();
}
