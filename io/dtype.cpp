#include "unroll/detail/io/dtype.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace unroll::io {
namespace {

struct DtypeInfo {
  std::string_view name;
  int bits;
};

// Indexed by Dtype.
constexpr std::array<DtypeInfo, 22> dtypes = {{
    {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},          {"I8", 8},
    {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
    {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
    {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64},
}};
static_assert(dtypes[static_cast<std::size_t>(Dtype::u64)].name == "U64");

const DtypeInfo& info(Dtype dtype) { return dtypes[static_cast<std::size_t>(dtype)]; }

}  // namespace

std::string_view dtype_name(Dtype dtype) { return info(dtype).name; }

std::optional<Dtype> find_dtype(std::string_view name) {
  const auto found = std::find_if(dtypes.begin(), dtypes.end(), [&](auto& d) { return d.name == name; });
  if (found == dtypes.end()) return std::nullopt;
  return static_cast<Dtype>(found - dtypes.begin());
}

std::optional<std::uint64_t> byte_count(Dtype dtype, std::span<const std::int64_t> shape) {
  std::int64_t bits = info(dtype).bits;
  bool empty = false;
  for (const std::int64_t extent : shape) {
    empty = empty || extent == 0;
    // An empty array's other extents must not overflow either: strides are made of them.
    if (__builtin_mul_overflow(bits, std::max<std::int64_t>(extent, 1), &bits)) return std::nullopt;
  }
  if (empty) return 0;
  if (bits % 8 != 0) return std::nullopt;
  return static_cast<std::uint64_t>(bits / 8);
}

float from_f16(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1F;
  const auto fraction = static_cast<float>(bits & 0x3FF);
  float magnitude = 0;
  if (exponent == 0) {
    magnitude = std::ldexp(fraction, -24);
  } else if (exponent < 31) {
    magnitude = std::ldexp(1024 + fraction, exponent - 25);
  } else {
    magnitude =
        fraction == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  }
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

float from_bf16(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

}  // namespace unroll::io
