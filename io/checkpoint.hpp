#pragma once
/// \file Checkpoints: a program's state as one safetensors file with a checksum. See docs/file_formats.md.

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "unroll/io/tensor_file.hpp"

namespace unroll::io {

/// The state of a program. Tensors may carry metadata of their own; keys that begin with "unroll." are
/// the checkpoint's.
struct Checkpoint {
  std::string kind;    ///< which program wrote it, such as "char_lm"
  std::string json;    ///< the program's own state; any UTF-8 text, not interpreted here
  TensorFile tensors;  ///< parameters, optimiser states and the like
};

/// Writes a checkpoint durably, whole or not at all; see write_file_atomically.
/// Errors: DataError if it cannot be written; UsageError if a text is not UTF-8 or a key is the checkpoint's.
void save_checkpoint(const std::filesystem::path& path, Checkpoint checkpoint);

/// Reads a checkpoint back.
/// Errors: DataError `file: what is wrong`: unreadable, damaged, no checkpoint, another version of the
///         format, a wrong checksum, or written by another program than `kind`.
Checkpoint load_checkpoint(const std::filesystem::path& path, std::string_view kind);

/// The same to bytes.
std::vector<std::byte> serialise_checkpoint(Checkpoint checkpoint);
/// The same from bytes; `source` stands for the file in messages.
Checkpoint parse_checkpoint(std::span<const std::byte> bytes, std::string_view kind,
                            const std::string& source = "checkpoint in memory");

}  // namespace unroll::io
