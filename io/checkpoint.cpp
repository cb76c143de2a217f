#include "unroll/io/checkpoint.hpp"

#include <fmt/format.h>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/io/text.hpp"
#include "unroll/io/checksum.hpp"
#include "unroll/io/safetensors.hpp"

namespace unroll::io {
namespace {

constexpr std::string_view version = "1";
// Keys of the file's metadata.
constexpr std::string_view version_key = "unroll.checkpoint";
constexpr std::string_view kind_key = "unroll.kind";
constexpr std::string_view json_key = "unroll.json";
constexpr std::string_view checksum_key = "unroll.checksum";

/// The checksum of the file's bytes, with zeros in the place of the checksum itself.
std::string checksum_of(TensorFile& file) {
  file.metadata().insert_or_assign(std::string(checksum_key), std::string(16, '0'));
  const SafetensorsImage image = layout_safetensors(file);
  Checksum checksum;
  for (const auto piece : image.pieces()) checksum.update(piece);
  return fmt::format("{:016x}", checksum.value());
}

TensorFile to_file(Checkpoint checkpoint) {
  TensorFile file = std::move(checkpoint.tensors);
  for (const auto& [key, value] : file.metadata()) {
    if (key.starts_with("unroll.")) {
      raise<UsageError>("checkpoint: metadata {} is the checkpoint's own; choose another key", quote(key));
    }
  }
  file.metadata().emplace(version_key, version);
  file.metadata().emplace(kind_key, std::move(checkpoint.kind));
  file.metadata().emplace(json_key, std::move(checkpoint.json));
  std::string checksum = checksum_of(file);
  file.metadata().insert_or_assign(std::string(checksum_key), std::move(checksum));
  return file;
}

/// Removes and returns a value of the metadata.
std::string take(TensorFile& file, std::string_view key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) raise<DataError>("{}: the checkpoint has no {}", file.source(), key);
  std::string value = std::move(found->second);
  file.metadata().erase(found);
  return value;
}

Checkpoint from_file(TensorFile file, std::string_view kind) {
  const auto found = file.metadata().find(version_key);
  if (found == file.metadata().end()) {
    raise<DataError>("{}: not a checkpoint: a safetensors file without {}", file.source(), version_key);
  }
  if (found->second != version) {
    raise<DataError>("{}: a checkpoint of version {}; this program reads version {}", file.source(),
                     quote(found->second), version);
  }
  const std::string stored = take(file, checksum_key);
  if (const std::string actual = checksum_of(file); actual != stored) {
    raise<DataError>("{}: the checkpoint is damaged: its checksum is {}, its content gives {}", file.source(),
                     quote(stored), actual);
  }
  Checkpoint checkpoint{take(file, kind_key), take(file, json_key), {}};
  if (checkpoint.kind != kind) {
    raise<DataError>("{}: a checkpoint of {}; need one of {}", file.source(), quote(checkpoint.kind),
                     quote(kind));
  }
  take(file, version_key);
  take(file, checksum_key);
  checkpoint.tensors = std::move(file);
  return checkpoint;
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, Checkpoint checkpoint) {
  write_safetensors(path, to_file(std::move(checkpoint)));
}

Checkpoint load_checkpoint(const std::filesystem::path& path, std::string_view kind) {
  return from_file(read_safetensors(path), kind);
}

std::vector<std::byte> serialise_checkpoint(Checkpoint checkpoint) {
  return serialise_safetensors(to_file(std::move(checkpoint)));
}

Checkpoint parse_checkpoint(std::span<const std::byte> bytes, std::string_view kind,
                            const std::string& source) {
  return from_file(parse_safetensors(bytes, source), kind);
}

}  // namespace unroll::io
