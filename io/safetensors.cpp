#include "unroll/io/safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <nlohmann/json.hpp>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/io/safetensors_header.hpp"
#include "unroll/detail/io/text.hpp"
#include "unroll/io/atomic_file.hpp"

namespace unroll::io {
namespace {

constexpr std::uint64_t longest_header = 100'000'000;
constexpr std::uint64_t length_size = sizeof(std::uint64_t);

/// `read_at(offset, out)` fills `out` from a file of `size` bytes; only places inside are asked for.
template <class ReadAt>
TensorFile read_from(const std::string& source, std::uint64_t size, ReadAt read_at) {
  if (size < length_size) {
    raise<DataError>("{}: not a safetensors file: {} bytes are too few for its header's length", source,
                     size);
  }
  std::uint64_t length = 0;
  read_at(0, std::as_writable_bytes(std::span(&length, 1)));
  if (length > longest_header || length > size - length_size) {
    raise<DataError>("{}: not a safetensors file, or cut short: a header of {} bytes in a file of {}", source,
                     length, size);
  }
  const std::uint64_t data_begin = length_size + length;
  Header header = [&] {  // its text goes before memory is taken for what it describes
    std::string text(length, '\0');
    read_at(length_size, std::as_writable_bytes(std::span(text)));
    return parse_header(text, size - data_begin, source);
  }();

  TensorFile file(source);
  file.metadata() = std::move(header.metadata);
  while (!header.entries.empty()) {
    auto node = header.entries.extract(header.entries.begin());
    HeaderEntry& entry = node.mapped();
    std::vector<std::byte> bytes(entry.end - entry.begin);
    read_at(data_begin + entry.begin, bytes);
    file.add_bytes(std::move(node.key()), {entry.dtype, std::move(entry.shape), std::move(bytes)});
  }
  return file;
}

std::string json_string(std::string_view text) { return nlohmann::json(text).dump(); }

/// Appends metadata; of a long text there is no copy beside those that its escape sequences need.
void append_metadata(std::string& text, const TensorFile::Metadata& metadata) {
  text += "\"__metadata__\":{";
  for (const auto& [key, value] : metadata) {
    if (find_invalid_utf8(key) != std::string::npos || find_invalid_utf8(value) != std::string::npos) {
      raise<UsageError>("safetensors: metadata {} is not UTF-8; encode it as text", quote(key));
    }
    text += json_string(key);
    text += ':';
    text += json_string(value);
    text += ',';
  }
  text.back() = '}';
  text += ',';
}

}  // namespace

TensorFile read_safetensors(const std::filesystem::path& path) {
  const InputFile input(path);
  try {
    return read_from(path.string(), input.size(),
                     [&](std::uint64_t offset, std::span<std::byte> out) { input.read_at(offset, out); });
  } catch (const std::bad_alloc&) {
    raise<DataError>("{}: not enough memory for a file of {} bytes", path.string(), input.size());
  }
}

TensorFile parse_safetensors(std::span<const std::byte> bytes, const std::string& source) {
  return read_from(source, bytes.size(), [&](std::uint64_t offset, std::span<std::byte> out) {
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
  });
}

SafetensorsImage layout_safetensors(const TensorFile& file) {
  std::vector<const TensorFile::Tensors::value_type*> in_order;
  for (const auto& item : file) in_order.push_back(&item);
  // By name already; the widest types first, so that every tensor is aligned.
  std::stable_sort(in_order.begin(), in_order.end(),
                   [](auto* a, auto* b) { return a->second.dtype > b->second.dtype; });

  SafetensorsImage image;
  std::string text = "{";
  if (!file.metadata().empty()) append_metadata(text, file.metadata());
  std::uint64_t end = 0;
  for (const auto* item : in_order) {
    const auto& [dtype, shape, bytes] = item->second;
    text +=
        fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}},)", json_string(item->first),
                    dtype_name(dtype), join(shape, ","), end, end + bytes.size());
    end += bytes.size();
    image.data.push_back(bytes);
  }
  if (text.back() == ',') text.pop_back();
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  if (length > longest_header) {
    raise<UsageError>("safetensors: a header of {} bytes; the format allows {}: store less metadata", length,
                      longest_header);
  }
  image.head.resize(length_size);
  std::memcpy(image.head.data(), &length, length_size);
  image.head += text;
  return image;
}

std::vector<std::span<const std::byte>> SafetensorsImage::pieces() const {
  std::vector<std::span<const std::byte>> pieces = {std::as_bytes(std::span(head))};
  pieces.insert(pieces.end(), data.begin(), data.end());
  return pieces;
}

void write_safetensors(const std::filesystem::path& path, const TensorFile& file) {
  write_file_atomically(path, layout_safetensors(file).pieces());
}

std::vector<std::byte> serialise_safetensors(const TensorFile& file) {
  const SafetensorsImage image = layout_safetensors(file);
  std::vector<std::byte> bytes;
  for (const auto piece : image.pieces()) bytes.insert(bytes.end(), piece.begin(), piece.end());
  return bytes;
}

}  // namespace unroll::io
