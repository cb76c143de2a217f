#pragma once  // internal
/// \file The element types of the safetensors format.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace unroll::io {

/// All element types of the format, in the order by which writers sort (the last first). Those without a
/// C++ type are carried as raw bytes.
// clang-format off
enum class Dtype {
  boolean, f4, f6_e2m3, f6_e3m2, u8, i8, f8_e5m2, f8_e4m3, f8_e8m0, f8_e4m3fnuz, f8_e5m2fnuz,
  i16, u16, f16, bf16, i32, u32, f32, c64, f64, i64, u64
};
// clang-format on

/// The name in a file, such as "F32".
std::string_view dtype_name(Dtype dtype);

/// The type of that name, if the format has it.
std::optional<Dtype> find_dtype(std::string_view name);

/// Bytes of an array; nothing if its size overflows 63 bits or is not a whole number of bytes.
/// Shapes: any rank; no extent is negative.
std::optional<std::uint64_t> byte_count(Dtype dtype, std::span<const std::int64_t> shape);

/// An IEEE half precision number, given by its bits; exact.
float from_f16(std::uint16_t bits);

/// A bfloat16 number, given by its bits; exact.
float from_bf16(std::uint16_t bits);

template <class T, class... Choices>
concept one_of = (std::same_as<T, Choices> || ...);

/// The C++ types that a tensor can be made from and read as.
template <class T>
concept Storable = one_of<T, float, double, std::int8_t, std::int16_t, std::int32_t, std::int64_t,
                          std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t>;

/// The element type that stores a T.
template <Storable T>
consteval Dtype dtype_of() {
  if constexpr (std::same_as<T, float>) return Dtype::f32;
  if constexpr (std::same_as<T, double>) return Dtype::f64;
  if constexpr (std::same_as<T, std::int8_t>) return Dtype::i8;
  if constexpr (std::same_as<T, std::int16_t>) return Dtype::i16;
  if constexpr (std::same_as<T, std::int32_t>) return Dtype::i32;
  if constexpr (std::same_as<T, std::int64_t>) return Dtype::i64;
  if constexpr (std::same_as<T, std::uint8_t>) return Dtype::u8;
  if constexpr (std::same_as<T, std::uint16_t>) return Dtype::u16;
  if constexpr (std::same_as<T, std::uint32_t>) return Dtype::u32;
  if constexpr (std::same_as<T, std::uint64_t>) return Dtype::u64;
}

}  // namespace unroll::io
