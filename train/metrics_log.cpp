#include "unroll/train/metrics_log.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "unroll/autograd/error.hpp"

namespace unroll {
namespace {

[[noreturn]] void refuse(const std::string& path) { raise<DataError>("{}: {}", path, std::strerror(errno)); }

/// Length in bytes of the lines up to `step`; 0 if not even the configuration is whole.
off_t length_up_to(const std::string& path, std::int64_t step) {
  std::ifstream file(path, std::ios::binary);
  off_t length = 0;
  for (std::string line; std::getline(file, line) && !file.eof();) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) break;
    if (length == 0 ? !json.contains("config") : json.value("step", step + 1) > step) break;
    length += static_cast<off_t>(line.size()) + 1;
  }
  return length;
}

}  // namespace

MetricsLog::MetricsLog(std::string path, const char* mode)
    : path_(std::move(path)), file_(std::fopen(path_.c_str(), mode), &std::fclose) {
  if (!file_) refuse(path_);
}

MetricsLog MetricsLog::create(const std::string& path, const nlohmann::ordered_json& configuration) {
  MetricsLog log(path, "we");
  log.write({{"config", configuration}});
  return log;
}

MetricsLog MetricsLog::resume(const std::string& path, const nlohmann::ordered_json& configuration,
                              std::int64_t step) {
  const off_t length = length_up_to(path, step);
  if (length == 0) return create(path, configuration);
  if (truncate(path.c_str(), length) != 0) refuse(path);
  return {path, "ae"};
}

nlohmann::ordered_json MetricsLog::configuration(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  if (!std::getline(file, line) || file.eof()) return {};
  const auto json = nlohmann::ordered_json::parse(line, nullptr, false);
  return json.is_object() && json.contains("config") ? json["config"] : nlohmann::ordered_json();
}

void MetricsLog::write(const nlohmann::ordered_json& line) {
  const std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
  if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size() || std::fflush(file_.get()) != 0)
    refuse(path_);
}

void MetricsLog::sync() {
  // A pipe or a terminal cannot be synchronised, and need not be.
  if (fsync(fileno(file_.get())) != 0 && errno != EINVAL) refuse(path_);
}

}  // namespace unroll
