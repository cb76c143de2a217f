#pragma once
/// \file What a run measured, one JSON object per line.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>

namespace unroll {

/// A file of JSON lines: the first is `{"config": ...}`, every other one has a `step`, which never
/// falls. Numbers are written with as many digits as it takes to read the same value back, with a point in
/// every locale. Not for several threads.
class MetricsLog {
 public:
  /// The file goes over.
  MetricsLog(MetricsLog&& other) noexcept
      : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}
  /// The same.
  MetricsLog& operator=(MetricsLog&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~MetricsLog();

  /// A new log; an older file is replaced.
  /// Errors: DataError `path: reason`; a symbolic link is not followed but refused.
  static MetricsLog create(const std::string& path, const nlohmann::ordered_json& configuration);
  /// Goes on with the log of a run that continues after `step`: what was written later, or only in
  /// part, is cut off, so that no line stands twice. Without a usable file it begins a new one.
  /// Errors: as create; for what is no regular file too.
  static MetricsLog resume(const std::string& path, const nlohmann::ordered_json& configuration,
                           std::int64_t step);

  /// The configuration at the beginning of a log; null if there is no log, or not even that is whole.
  /// Errors: DataError if there is one that cannot be read.
  static nlohmann::ordered_json configuration(const std::string& path);

  /// Appends a line.
  /// Errors: DataError `path: reason`, as from a full disk.
  void write(const nlohmann::ordered_json& line);
  /// Waits until the disk has all lines: to be called before a checkpoint counts on them.
  void sync();

 private:
  MetricsLog(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  std::string path_;
  int descriptor_;
};

}  // namespace unroll
