// Arrays of NumPy, alone and in archives.

#include "unroll/data/npy.hpp"

#include <cmath>

#include "fuzz.hpp"

namespace {

void check_array(const unroll::NpyArray& array) {
  std::int64_t count = 1;
  for (const std::int64_t axis : array.shape) count *= axis;
  unroll::fuzz::require(std::ssize(array.values) == count, "an array has as many numbers as its shape says");
  const auto table = unroll::fuzz::attempt([&] { return unroll::table_of(array); });
  for (const auto& column : table.columns)
    for (const double x : column.numbers) unroll::fuzz::require(std::isfinite(x), "numbers are finite");
}

}  // namespace

UNROLL_FUZZ_TARGET(npy) {
  using namespace unroll;
  if (!input.starts_with("PK")) return check_array(parse_npy(input, "f"));
  for (const NpyArray& array : parse_npz(input, "f", 1 << 20)) check_array(array);
}
