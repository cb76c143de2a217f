#pragma once
/// \file Reading and writing safetensors files; the format is described in docs/file_formats.md.
///
/// Source: https://huggingface.co/docs/safetensors

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "unroll/io/tensor_file.hpp"

namespace unroll::io {

/// Reads a file into memory.
/// Errors: DataError `file: what is wrong` for one that cannot be read, is damaged or is none of this format.
/// Cost: memory is bounded by a small multiple of the file's size, checked before it is allocated.
TensorFile read_safetensors(const std::filesystem::path& path);

/// The same from bytes; `source` stands for the file in messages.
TensorFile parse_safetensors(std::span<const std::byte> bytes,
                             const std::string& source = "tensors in memory");

/// Writes a file, whole or not at all (see write_file_atomically). Equal contents give equal bytes.
/// Errors: DataError if it cannot be written; UsageError if metadata is not UTF-8 or the header too long.
void write_safetensors(const std::filesystem::path& path, const TensorFile& file);

/// The same to bytes.
std::vector<std::byte> serialise_safetensors(const TensorFile& file);

/// A file's bytes in pieces, without copying the tensors: what the writers above put out.
struct SafetensorsImage {
  std::string head;                              ///< length and header
  std::vector<std::span<const std::byte>> data;  ///< views of the tensors, in the file's order

  /// The head and the data, in the order in which they are written.
  std::vector<std::span<const std::byte>> pieces() const;
};

/// Lifetime: the views point into `file`.
SafetensorsImage layout_safetensors(const TensorFile& file);

}  // namespace unroll::io
