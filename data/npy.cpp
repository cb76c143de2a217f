#include "unroll/data/npy.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "unroll/data/text.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/detail/data/table_builder.hpp"
#include "unroll/detail/data/zip_archive.hpp"

namespace unroll {
namespace {

constexpr std::size_t most_axes = 32;
constexpr double largest_exact = 9007199254740992.0;  // 2⁵³

/// What the header of an npy file says.
struct NpyHeader {
  std::string type;
  bool fortran = false;
  std::vector<std::int64_t> shape;
};

/// The header: the text of a dictionary of Python with these three keys.
class NpyHeaderReader {
 public:
  NpyHeaderReader(std::string_view text, const std::string& name) : rest_(text), name_(name) {}

  NpyHeader read() {
    std::optional<std::string> type;
    std::optional<bool> fortran;
    std::optional<std::vector<std::int64_t>> shape;
    need('{');
    while (!skip('}')) {
      const std::string_view key = quoted();
      need(':');
      if (key == "descr" && !type)
        type = descr();
      else if (key == "fortran_order" && !fortran)
        fortran = boolean();
      else if (key == "shape" && !shape)
        shape = axes();
      else
        refuse();
      if (!skip(',')) {
        need('}');
        break;
      }
    }
    blanks();
    if (!rest_.empty() || !type || !fortran || !shape) refuse();
    return {*type, *fortran, *shape};
  }

 private:
  [[noreturn]] void refuse() const { raise<DataError>("{}: the npy header is damaged", name_); }
  void blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }
  bool skip(char c) {
    blanks();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void need(char c) {
    if (!skip(c)) refuse();
  }
  std::string_view quoted() {
    const char quote = skip('\'') ? '\'' : '"';
    if (quote == '"') need('"');
    const std::size_t end = rest_.find(quote);
    if (end == std::string_view::npos) refuse();
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text;
  }
  std::string descr() {
    blanks();
    if (rest_.starts_with('['))
      raise<DataError>("{}: need an array of numbers; got a structured array", name_);
    return std::string(quoted());
  }
  bool boolean() {
    blanks();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return value;
    }
    refuse();
  }
  std::vector<std::int64_t> axes() {
    std::vector<std::int64_t> shape;
    need('(');
    while (!skip(')')) {
      std::int64_t size = 0;
      blanks();
      const auto [at, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
      if (error != std::errc() || size < 0 || shape.size() == most_axes) refuse();
      rest_.remove_prefix(static_cast<std::size_t>(at - rest_.data()));
      shape.push_back(size);
      if (!skip(',')) {
        need(')');
        break;
      }
    }
    return shape;
  }

  std::string_view rest_;
  const std::string& name_;
};

/// The number of elements.
/// Errors: DataError if they are not `available` bytes of `width` each.
std::size_t count_elements(const NpyHeader& header, std::size_t width, std::size_t available,
                           const std::string& name) {
  std::uint64_t count = 1;
  bool too_many = false;
  for (const std::int64_t axis : header.shape)
    too_many |= __builtin_mul_overflow(count, static_cast<std::uint64_t>(axis), &count);
  std::uint64_t bytes = 0;
  too_many |= __builtin_mul_overflow(count, width, &bytes);
  if (too_many || bytes != available)
    raise<DataError>("{}: the shape ({}) of {} needs other bytes than the {} that are there", name,
                     fmt::join(header.shape, ", "), printable(header.type), available);
  return count;
}

double half_value(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double value = 0;
  if (exponent == 31)
    value = fraction ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  else
    value = exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24);
  return bits & 0x8000 ? -value : value;
}

/// The numbers of the file, in its own order.
template <class Bits, class Convert>
void convert_all(const char* data, std::vector<double>& values, bool swapped, Convert convert) {
  for (double& value : values) {
    std::array<char, sizeof(Bits)> raw;
    for (std::size_t k = 0; k < raw.size(); ++k) raw[k] = data[swapped ? raw.size() - 1 - k : k];
    value = convert(std::bit_cast<Bits>(raw));
    data += raw.size();
  }
}

template <class Number>
void convert_plain(const char* data, std::vector<double>& values, bool swapped, const std::string& name) {
  convert_all<Number>(data, values, swapped, [](Number x) { return static_cast<double>(x); });
  if constexpr (std::is_integral_v<Number> && sizeof(Number) == 8)
    for (std::size_t k = 0; k < values.size(); ++k)
      if (std::abs(values[k]) > largest_exact)
        raise<DataError>("{}: element {} is an integer above 2^53, which a double cannot hold", name, k);
}

using NpyConversion = void (*)(const char*, std::vector<double>&, bool, const std::string&);

void convert_half(const char* data, std::vector<double>& values, bool swapped, const std::string&) {
  convert_all<std::uint16_t>(data, values, swapped, half_value);
}
void convert_bool(const char* data, std::vector<double>& values, bool, const std::string&) {
  for (std::size_t k = 0; k < values.size(); ++k) values[k] = data[k] != 0;
}

NpyConversion conversion_of(std::string_view kind) {
  static constexpr std::pair<std::string_view, NpyConversion> conversions[] = {
      {"f8", convert_plain<double>},
      {"f4", convert_plain<float>},
      {"f2", convert_half},
      {"i1", convert_plain<std::int8_t>},
      {"i2", convert_plain<std::int16_t>},
      {"i4", convert_plain<std::int32_t>},
      {"i8", convert_plain<std::int64_t>},
      {"u1", convert_plain<std::uint8_t>},
      {"u2", convert_plain<std::uint16_t>},
      {"u4", convert_plain<std::uint32_t>},
      {"u8", convert_plain<std::uint64_t>},
      {"b1", convert_bool}};
  for (const auto& [name, conversion] : conversions)
    if (kind == name) return conversion;
  return nullptr;
}

/// From Fortran order to C order.
std::vector<double> to_c_order(const std::vector<double>& values, const std::vector<std::int64_t>& shape) {
  std::vector<double> ordered(values.size());
  std::vector<std::int64_t> index(shape.size(), 0), strides(shape.size(), 1);
  for (std::size_t k = 1; k < shape.size(); ++k) strides[k] = strides[k - 1] * shape[k - 1];
  std::int64_t from = 0;
  for (double& value : ordered) {
    value = values[static_cast<std::size_t>(from)];
    for (std::size_t k = shape.size(); k-- > 0;) {
      from += strides[k];
      if (++index[k] < shape[k]) break;
      from -= index[k] * strides[k];
      index[k] = 0;
    }
  }
  return ordered;
}

/// Where the cells of an array stand.
class ArrayPlaces : public detail::CellPlaces {
 public:
  explicit ArrayPlaces(const std::string& name) : name_(name) {}
  std::string place_of_cell(std::size_t number) const override {
    return fmt::format("{}: row {}, column {}", name_, row + 1, number + 1);
  }
  std::size_t row = 0;

 private:
  const std::string& name_;
};

bool nan_is_missing(const TableOptions& options) {
  for (const std::string& word : options.missing)
    if (word.size() == 3 && (word[0] | 32) == 'n' && (word[1] | 32) == 'a' && (word[2] | 32) == 'n')
      return true;
  return false;
}

}  // namespace

NpyArray parse_npy(std::string_view bytes, std::string name) {
  if (!bytes.starts_with("\x93NUMPY") || bytes.size() < 10)
    raise<DataError>("{}: it is no npy file: it does not begin with \\x93NUMPY", name);
  const auto byte = [&](std::size_t k) {
    return static_cast<std::size_t>(static_cast<unsigned char>(bytes[k]));
  };
  const std::size_t version = byte(6), begin = version == 1 ? 10 : 12;
  if (version < 1 || version > 3)
    raise<DataError>("{}: need an npy file of version 1, 2 or 3; got {}", name, version);
  if (bytes.size() < begin) raise<DataError>("{}: the npy header is damaged", name);
  std::size_t length = byte(8) | byte(9) << 8;
  if (version > 1) length |= byte(10) << 16 | byte(11) << 24;
  if (length > bytes.size() - begin) raise<DataError>("{}: the npy header is longer than the file", name);
  const NpyHeader header = NpyHeaderReader(bytes.substr(begin, length), name).read();
  const std::string_view type = header.type, data = bytes.substr(begin + length);
  const NpyConversion convert = type.size() == 3 ? conversion_of(type.substr(1)) : nullptr;
  if (!convert || std::string_view("<>|=").find(type[0]) == std::string_view::npos)
    raise<DataError>("{}: need numbers (f2, f4, f8, i1 to i8, u1 to u8) or bool; got the type '{}'", name,
                     printable(type));
  const std::size_t count =
      count_elements(header, type[1] == 'b' ? 1 : static_cast<std::size_t>(type[2] - '0'), data.size(), name);
  NpyArray array{.name = std::move(name), .shape = header.shape, .values = std::vector<double>(count)};
  const bool big = std::endian::native == std::endian::big;
  convert(data.data(), array.values, type[0] == (big ? '<' : '>'), array.name);
  if (header.fortran && header.shape.size() > 1) array.values = to_c_order(array.values, header.shape);
  return array;
}

NpyArray read_npy(const std::string& path) { return parse_npy(read_bytes(path), path); }

std::vector<NpyArray> parse_npz(std::string_view bytes, const std::string& name, std::uint64_t most_bytes) {
  std::vector<NpyArray> arrays;
  for (const detail::ZipEntry& entry : detail::zip_entries(bytes, name)) {
    const std::string unpacked = detail::unpack(entry, name, most_bytes);
    if (entry.deflated) most_bytes -= std::min<std::uint64_t>(most_bytes, unpacked.size());
    std::string_view stem = entry.name;
    if (stem.ends_with(".npy")) stem.remove_suffix(4);
    arrays.push_back(parse_npy(unpacked, fmt::format("{}: {}", name, printable(stem, 1000))));
  }
  if (arrays.empty()) raise<DataError>("{}: there is no array in this archive", name);
  return arrays;
}

std::vector<NpyArray> read_npz(const std::string& path, std::uint64_t most_bytes) {
  return parse_npz(read_bytes(path), path, most_bytes);
}

Table table_of(NpyArray array, const TableOptions& options) {
  if (array.shape.empty() || array.shape.size() > 2)
    raise<DataError>("{}: need an array with one or two axes; got {}", array.name, array.shape.size());
  if (array.values.empty()) raise<DataError>("{}: the array is empty", array.name);
  const auto columns = array.shape.size() == 1 ? 1 : static_cast<std::size_t>(array.shape[1]);
  const auto rows = array.values.size() / columns;
  ArrayPlaces places(array.name);
  detail::TableBuilder builder(array.name, options, places);
  std::vector<std::string> names;
  for (std::size_t k = 1; k <= columns; ++k) names.push_back(std::to_string(k));
  builder.name_columns(names);
  const bool missing = nan_is_missing(options);
  for (; places.row < rows; ++places.row) {
    for (std::size_t k = 0; k < columns; ++k) {
      const double value = array.values[places.row * columns + k];
      if (missing && std::isnan(value))
        builder.missing(k);
      else
        builder.number(k, value);
    }
    builder.end_row(0);
  }
  return builder.finish();
}

}  // namespace unroll
