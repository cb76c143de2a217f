#include "unroll/detail/io/safetensors_header.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/io/text.hpp"

namespace unroll::io {
namespace {

/// Receives the parser's events. Anything out of place throws at once, so that nesting cannot grow.
/// A DOM would silently keep one of two equal keys.
class HeaderReader {
 public:
  /// `file_size` justifies the memory for metadata: short texts take many times their length.
  HeaderReader(Header& header, const std::string& source, std::uint64_t file_size)
      : header_(header), source_(source), most_metadata_(((32 << 20) + 2 * file_size) / 128) {}

  bool start_object(std::size_t) {
    if (place_ == Place::outside) {
      place_ = Place::names;
    } else if (place_ == Place::names) {
      place_ = key_ == "__metadata__" ? Place::metadata : Place::tensor;
      seen_ = {};
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool key(std::string& text) {
    key_ = text;
    if (place_ == Place::names) {
      begin_name();
    } else if (place_ == Place::metadata) {
      if (header_.metadata.contains(key_)) broken("two values", where());
    } else {
      begin_field();
    }
    return true;
  }

  bool end_object() {
    if (place_ == Place::tensor) {
      const auto missing = std::find(seen_.begin(), seen_.end(), false);
      if (missing != seen_.end()) {
        broken(fmt::format("no {}", fields[static_cast<std::size_t>(missing - seen_.begin())]),
               tensor_name());
      }
    }
    place_ = place_ == Place::names ? Place::outside : Place::names;
    return true;
  }

  bool start_array(std::size_t) {
    if (place_ == Place::tensor && key_ == "shape") {
      place_ = Place::shape;
    } else if (place_ == Place::tensor && key_ == "data_offsets") {
      place_ = Place::offsets;
      offsets_.clear();
    } else {
      unexpected("an array");
    }
    return true;
  }

  bool end_array() {
    if (place_ == Place::offsets) {
      if (offsets_.size() != 2) unexpected("one of another length");
      entry_->begin = offsets_[0];
      entry_->end = offsets_[1];
    }
    place_ = Place::tensor;
    return true;
  }

  bool number_unsigned(std::uint64_t value) {
    if (place_ == Place::shape) {
      // No library has arrays of more axes; without a limit a header swells to many times its size.
      if (entry_->shape.size() == 64) broken("more than 64 axes", tensor_name());
      if (value > std::numeric_limits<std::int64_t>::max()) broken("an extent above 2^63 - 1", tensor_name());
      entry_->shape.push_back(static_cast<std::int64_t>(value));
    } else if (place_ == Place::offsets) {
      if (offsets_.size() == 2) unexpected("one of another length");
      offsets_.push_back(value);
    } else {
      unexpected("a number");
    }
    return true;
  }

  bool string(std::string& text) {
    if (place_ == Place::metadata) {
      if (header_.metadata.size() == most_metadata_)
        broken("more texts than a file of this size may have", where());
      header_.metadata.emplace(key_, text);
    } else if (place_ == Place::tensor && key_ == "dtype") {
      const auto dtype = find_dtype(text);
      if (!dtype) broken(fmt::format("unknown dtype {}", quote(text)), tensor_name());
      entry_->dtype = *dtype;
    } else {
      unexpected("a string");
    }
    return true;
  }

  bool number_integer(std::int64_t) { unexpected("a negative number"); }
  bool number_float(double, const std::string&) { unexpected("a number that is no 64-bit integer"); }
  bool boolean(bool) { unexpected("a boolean"); }
  bool null() { unexpected("null"); }
  bool binary(std::vector<std::uint8_t>&) { unexpected("binary data"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    raise<DataError>("{}: the header is not valid JSON at its byte {}", source_, position);
  }

 private:
  enum class Place { outside, names, metadata, tensor, shape, offsets };
  static constexpr std::array<std::string_view, 3> fields = {"dtype", "shape", "data_offsets"};

  void begin_name() {
    if (key_ == "__metadata__") {
      if (std::exchange(metadata_seen_, true)) broken("it stands there twice", where());
      return;
    }
    const auto [place, added] = header_.entries.try_emplace(key_);
    if (!added) broken("the name stands there twice", where());
    name_ = key_;
    entry_ = &place->second;
  }

  void begin_field() {
    const auto field = std::find(fields.begin(), fields.end(), key_);
    if (field == fields.end()) broken(fmt::format("unknown field {}", quote(key_)), tensor_name());
    bool& seen = seen_[static_cast<std::size_t>(field - fields.begin())];
    if (std::exchange(seen, true)) broken(fmt::format("two values of {}", key_), tensor_name());
  }

  std::string tensor_name() const { return fmt::format("tensor {}", quote(name_)); }

  std::string where() const {
    if (place_ == Place::names) return key_ == "__metadata__" ? "__metadata__" : "tensor " + quote(key_);
    if (place_ == Place::metadata) return fmt::format("__metadata__ {}", quote(key_));
    return fmt::format("tensor {}: {}", quote(name_), key_);
  }

  std::string_view expected() const {
    if (place_ == Place::names) return "an object";
    if (place_ == Place::metadata || key_ == "dtype") return "a string";
    return key_ == "shape" ? "an array of integers from 0" : "an array of two integers from 0";
  }

  [[noreturn]] void broken(std::string_view what, const std::string& where) const {
    raise<DataError>("{}: {}: {}", source_, where, what);
  }
  [[noreturn]] void unexpected(std::string_view found) const {
    broken(fmt::format("needs {}; got {}", expected(), found), where());
  }

  Header& header_;
  const std::string& source_;
  std::uint64_t most_metadata_;
  Place place_ = Place::outside;
  std::string key_;                     // the last key read
  std::string name_;                    // the tensor being read
  HeaderEntry* entry_ = nullptr;        // and its entry
  std::array<bool, 3> seen_{};          // which of its fields were there
  std::vector<std::uint64_t> offsets_;  // at most two
  bool metadata_seen_ = false;
};

/// The parser keeps a text of the header four times over while it reads it: a long one must be justified by the
/// size of the file.
void check_texts(std::string_view text, std::uint64_t data_size, const std::string& source) {
  constexpr std::uint64_t always = 32 << 20;
  std::uint64_t longest = 0;
  for (std::size_t begin = 0; (begin = text.find('"', begin)) != text.npos; ++begin) {
    const std::size_t first = ++begin;
    while (begin < text.size() && text[begin] != '"') begin += text[begin] == '\\' ? 2 : 1;
    begin = std::min(begin, text.size());
    longest = std::max<std::uint64_t>(longest, begin - first);
  }
  if (text.size() + 5 * longest > always + 4 * (text.size() + data_size))
    raise<DataError>("{}: a text of {} bytes in its header, and {} bytes of data: it is too long to be read",
                     source, longest, data_size);
}

/// The size of a tensor agrees with its place, and the place lies in the data.
void check_entry(const std::string& name, const HeaderEntry& entry, std::uint64_t data_size,
                 const std::string& source) {
  const auto& [dtype, shape, begin, end] = entry;
  const auto size = byte_count(dtype, shape);
  if (!size) {
    raise<DataError>("{}: tensor {}: {} of {} is no possible size", source, quote(name), shape_text(shape),
                     dtype_name(dtype));
  }
  if (begin > end) {
    raise<DataError>("{}: tensor {}: data_offsets [{}, {}] are reversed", source, quote(name), begin, end);
  }
  if (end > data_size) {
    raise<DataError>("{}: tensor {}: data_offsets [{}, {}] end beyond the {} bytes of data", source,
                     quote(name), begin, end, data_size);
  }
  if (end - begin != *size) {
    raise<DataError>("{}: tensor {}: {} of {} needs {} bytes; data_offsets [{}, {}] span {}", source,
                     quote(name), shape_text(shape), dtype_name(dtype), *size, begin, end, end - begin);
  }
}

void check_layout(const Header& header, std::uint64_t data_size, const std::string& source) {
  std::vector<const std::pair<const std::string, HeaderEntry>*> in_order;
  in_order.reserve(header.entries.size());
  for (const auto& item : header.entries) {
    check_entry(item.first, item.second, data_size, source);
    in_order.push_back(&item);
  }
  // An empty tensor stands before one that begins at the same byte.
  std::sort(in_order.begin(), in_order.end(), [](auto* a, auto* b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  std::uint64_t covered = 0;
  for (const auto* item : in_order) {
    if (item->second.begin != covered) {
      raise<DataError>("{}: tensor {} begins at byte {} of the data; the tensors before it end at {}", source,
                       quote(item->first), item->second.begin, covered);
    }
    covered = item->second.end;
  }
  if (covered != data_size) {
    raise<DataError>("{}: the tensors end at byte {} of the data, which has {}", source, covered, data_size);
  }
}

}  // namespace

Header parse_header(std::string_view text, std::uint64_t data_size, const std::string& source) {
  if (!text.starts_with('{'))
    raise<DataError>("{}: not a safetensors file: no header that begins with '{{'", source);
  if (const auto at = find_invalid_utf8(text); at != std::string_view::npos) {
    raise<DataError>("{}: the header is not UTF-8 at its byte {}", source, at);
  }
  // The JSON parser takes a NUL for the end of its input and would not see what follows.
  if (const auto at = text.find('\0'); at != std::string_view::npos) {
    raise<DataError>("{}: the header is not valid JSON at its byte {}", source, at);
  }
  check_texts(text, data_size, source);
  Header header;
  HeaderReader reader(header, source, text.size() + data_size);
  nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
  check_layout(header, data_size, source);
  return header;
}

}  // namespace unroll::io
