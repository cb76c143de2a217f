#pragma once  // internal
/// \file The header of a safetensors file: from text to checked places in the data.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "unroll/io/tensor_file.hpp"

namespace unroll::io {

/// What a header says of one tensor; `begin` and `end` count bytes from the start of the data.
struct HeaderEntry {
  Dtype dtype = Dtype::f32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct Header {
  TensorFile::Metadata metadata;
  std::map<std::string, HeaderEntry, std::less<>> entries;
};

/// Reads a header and checks that its tensors cover `data_size` bytes without holes or overlap.
/// Errors: DataError that begins with `source`.
Header parse_header(std::string_view text, std::uint64_t data_size, const std::string& source);

}  // namespace unroll::io
