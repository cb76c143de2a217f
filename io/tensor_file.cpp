#include "unroll/io/tensor_file.hpp"

#include <bit>
#include <cstring>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/io/text.hpp"

namespace unroll::io {

static_assert(std::endian::native == std::endian::little, "the format is little-endian, and so is this code");

namespace {

/// Elements stored as Stored, each converted by `convert`. The bytes need not be aligned.
template <class T, class Stored, class Convert>
std::vector<T> converted(const std::vector<std::byte>& bytes, Convert convert) {
  std::vector<T> values(bytes.size() / sizeof(Stored));
  for (std::size_t k = 0; k < values.size(); ++k) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + k * sizeof(Stored), sizeof(Stored));
    values[k] = static_cast<T>(convert(stored));
  }
  return values;
}

}  // namespace

void TensorFile::add_bytes(std::string name, StoredTensor tensor) {
  if (name == "__metadata__")
    raise<UsageError>("tensor file: the name \"__metadata__\" is reserved; choose another");
  if (find_invalid_utf8(name) != std::string::npos) {
    raise<UsageError>("tensor file: the name {} is not UTF-8; choose another", quote(name));
  }
  for (const std::int64_t extent : tensor.shape) {
    if (extent < 0)
      raise<ShapeError>("tensor file: {}: negative extent in {}", quote(name), shape_text(tensor.shape));
  }
  const auto needed = byte_count(tensor.dtype, tensor.shape);
  if (!needed) {
    raise<ShapeError>("tensor file: {}: {} of {} is no possible size", quote(name), shape_text(tensor.shape),
                      dtype_name(tensor.dtype));
  }
  if (*needed != tensor.bytes.size()) {
    raise<ShapeError>("tensor file: {}: {} of {} needs {} bytes; got {}", quote(name),
                      shape_text(tensor.shape), dtype_name(tensor.dtype), *needed, tensor.bytes.size());
  }
  if (contains(name)) raise<UsageError>("tensor file: {} is there already; add each name once", quote(name));
  tensors_.emplace(std::move(name), std::move(tensor));
}

const StoredTensor* TensorFile::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

const StoredTensor& TensorFile::at(std::string_view name) const {
  const StoredTensor* tensor = find(name);
  if (tensor == nullptr) raise<DataError>("{}: there is no tensor {}", source_, quote(name));
  return *tensor;
}

template <Storable T>
std::vector<T> TensorFile::get(std::string_view name) const {
  const StoredTensor& tensor = at(name);
  const auto same = [](auto value) { return value; };
  if (tensor.dtype == dtype_of<T>()) return converted<T, T>(tensor.bytes, same);
  if constexpr (std::floating_point<T>) {
    switch (tensor.dtype) {
      case Dtype::f32:
        return converted<T, float>(tensor.bytes, same);
      case Dtype::f64:
        return converted<T, double>(tensor.bytes, same);
      case Dtype::f16:
        return converted<T, std::uint16_t>(tensor.bytes, from_f16);
      case Dtype::bf16:
        return converted<T, std::uint16_t>(tensor.bytes, from_bf16);
      default:
        break;
    }
  }
  if constexpr (std::same_as<T, std::uint8_t>) {
    if (tensor.dtype == Dtype::boolean) return converted<T, T>(tensor.bytes, same);
  }
  raise<DataError>("{}: tensor {} is {}; it cannot be read as {}", source_, quote(name),
                   dtype_name(tensor.dtype), dtype_name(dtype_of<T>()));
}

#define UNROLL_GET(X) template std::vector<X> TensorFile::get<X>(std::string_view) const;
UNROLL_FOR_EACH(UNROLL_GET, float, double, std::int8_t, std::int16_t, std::int32_t, std::int64_t,
                std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t)
#undef UNROLL_GET

std::vector<std::string> TensorFile::names() const {
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const auto& [name, tensor] : tensors_) names.push_back(name);
  return names;
}

}  // namespace unroll::io
