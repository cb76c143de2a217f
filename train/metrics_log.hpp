#pragma once
/// \file What a run measured, one JSON object per line.

#include <cstdint>
#include <cstdio>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace unroll {

/// A file of JSON lines: the first is `{"config": ...}`, every other one has a `step`, which never
/// falls. Numbers are written with as many digits as it takes to read the same value back, with a point in
/// every locale. Not for several threads.
class MetricsLog {
 public:
  /// A new log; an older file is replaced.
  /// Errors: DataError `path: reason`.
  static MetricsLog create(const std::string& path, const nlohmann::ordered_json& configuration);
  /// Goes on with the log of a run that continues after `step`: what was written later, or only in
  /// part, is cut off, so that no line stands twice. Without a usable file it begins a new one.
  static MetricsLog resume(const std::string& path, const nlohmann::ordered_json& configuration,
                           std::int64_t step);

  /// The configuration at the beginning of a log; null if there is no log, or not even that is whole.
  static nlohmann::ordered_json configuration(const std::string& path);

  /// Appends a line.
  /// Errors: DataError `path: reason`, as from a full disk.
  void write(const nlohmann::ordered_json& line);
  /// Waits until the disk has all lines: to be called before a checkpoint counts on them.
  void sync();

 private:
  using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
  MetricsLog(std::string path, const char* mode);

  std::string path_;
  File file_;
};

}  // namespace unroll
