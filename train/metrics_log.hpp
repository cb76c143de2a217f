#pragma once
/// \file What a run measured, one JSON object per line.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>

#include "unroll/train/log_line.hpp"

namespace unroll {

/// A file of JSON lines: the first is `{"config": ..., "run": ...}`, every other one has a `step`, which never
/// falls. What the lines of a training run hold is in docs/file_formats.md. Not for several threads.
///
///     auto log = MetricsLog::create("metrics.jsonl", {{"lr", 0.002}});
///     log.write({{"step", 100}, {"loss", 1.25}});
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

  /// A new log; an older file is replaced. `run` tells where and how the run began, and is left out if it is empty.
  /// Errors: DataError `path: reason`; a symbolic link is not followed but refused.
  static MetricsLog create(const std::string& path, const LogLine& configuration, const LogLine& run = {});
  /// Goes on with the log of a run that continues after `step`: what was written later, or only in
  /// part, is cut off, so that no line stands twice. Without a usable file it begins a new one.
  /// Errors: as create; for what is no regular file too.
  static MetricsLog resume(const std::string& path, const LogLine& configuration, std::int64_t step,
                           const LogLine& run = {});

  /// The configuration at the beginning of a log; null if there is no log, or not even that is whole.
  /// Its type is complete where nlohmann/json.hpp is included.
  /// Errors: DataError if there is one that cannot be read.
  static nlohmann::ordered_json configuration(const std::string& path);

  /// Appends a line.
  /// Errors: DataError `path: reason`, as from a full disk.
  void write(const LogLine& line);
  /// Waits until the disk has all lines: to be called before a checkpoint counts on them.
  void sync();

 private:
  MetricsLog(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  std::string path_;
  int descriptor_;
};

}  // namespace unroll
