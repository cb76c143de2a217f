#pragma once
/// \file TensorFile: named arrays and text metadata in memory, the content of a safetensors file.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "unroll/detail/io/dtype.hpp"

namespace unroll::io {

/// One array: row-major, little-endian bytes, exactly as many as its type and shape need.
struct StoredTensor {
  Dtype dtype = Dtype::f32;         ///< the type of an element
  std::vector<std::int64_t> shape;  ///< the extents
  std::vector<std::byte> bytes;     ///< of all elements

  bool operator==(const StoredTensor&) const = default;
};

/// Named arrays, in the order of their names, and a map of text metadata. Owns its bytes.
/// Lifetime: a value; distinct objects may be used by distinct threads.
class TensorFile {
 public:
  /// Arrays by name.
  using Tensors = std::map<std::string, StoredTensor, std::less<>>;
  /// Texts by key.
  using Metadata = std::map<std::string, std::string, std::less<>>;

  TensorFile() = default;
  /// `source` is the file's name in messages.
  explicit TensorFile(std::string source) : source_(std::move(source)) {}

  /// Copies an array in.
  /// Errors: ShapeError if `values` does not fit `shape` or an extent is negative; UsageError if the name is
  ///         taken, "__metadata__" or not UTF-8.
  template <Storable T>
  void add(std::string name, std::vector<std::int64_t> shape, std::span<const T> values) {
    const auto bytes = std::as_bytes(values);
    add_bytes(std::move(name), {dtype_of<T>(), std::move(shape), {bytes.begin(), bytes.end()}});
  }

  /// Adds an array of any element type.
  /// Errors: as `add`.
  void add_bytes(std::string name, StoredTensor tensor);

  /// The array of that name, or nullptr.
  const StoredTensor* find(std::string_view name) const;

  /// The array of that name.
  /// Errors: DataError naming the file if there is none.
  const StoredTensor& at(std::string_view name) const;

  /// A copy of an array's elements. float and double can be read from F64, F32, F16 and BF16: widening is
  /// exact, F64 to float rounds to nearest (beyond float's range: infinite). Integers are read as the type
  /// they are stored as, BOOL as std::uint8_t.
  /// Errors: DataError naming the file if there is no such array or its type does not convert.
  template <Storable T>
  std::vector<T> get(std::string_view name) const;

  /// All names, in order.
  std::vector<std::string> names() const;
  /// The number of arrays.
  std::size_t size() const { return tensors_.size(); }
  /// Whether there is an array of that name.
  bool contains(std::string_view name) const { return tensors_.contains(name); }
  /// Iterates over pairs of name and StoredTensor.
  Tensors::const_iterator begin() const { return tensors_.begin(); }
  /// Behind the last pair.
  Tensors::const_iterator end() const { return tensors_.end(); }

  /// The metadata, to be changed.
  Metadata& metadata() { return metadata_; }
  /// The metadata.
  const Metadata& metadata() const { return metadata_; }
  /// The name of the file in messages.
  const std::string& source() const { return source_; }

 private:
  std::string source_ = "tensors in memory";
  Tensors tensors_;
  Metadata metadata_;
};

}  // namespace unroll::io
