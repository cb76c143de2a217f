#include "unroll/train/metrics_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/io/system_call.hpp"
#include "unroll/io/atomic_file.hpp"
#include "unroll/io/json.hpp"

namespace unroll {
namespace {

[[noreturn]] void refuse(const std::string& path) {
  if (errno == ELOOP)
    raise<DataError>("{}: it is a symbolic link, and what it leads to would be overwritten; remove it", path);
  raise<DataError>("{}: {}", path, std::strerror(errno));
}

/// Opens a log for writing, without waiting where it is a named pipe; -1 if it cannot be opened.
int open_log(const std::string& path, int flags) {
  const int all = flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const int descriptor = io::uninterrupted([&] { return ::open(path.c_str(), all, 0666); });
  if (descriptor != -1) ::fcntl(descriptor, F_SETFL, all & ~O_NONBLOCK);
  return descriptor;
}

/// Calls visit(line) for each line of a file that has an end, until that is false.
void for_each_line(const io::InputFile& file, const std::function<bool(std::string_view)>& visit) {
  std::array<char, 1 << 14> block;
  std::string line;
  for (std::uint64_t at = 0; at < file.size();) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), file.size() - at));
    file.read_at(at, std::as_writable_bytes(std::span(block).first(count)));
    at += count;
    std::string_view rest(block.data(), count);
    for (std::size_t end; (end = rest.find('\n')) != rest.npos; rest.remove_prefix(end + 1), line.clear()) {
      line += rest.substr(0, end);
      if (!visit(line)) return;
    }
    line += rest;
  }
}

/// The object on a line; null if there is none.
io::JsonDocument object_on(std::string_view line) {
  try {
    auto document = io::parse_json(line, "log");
    if (document->is_object()) return document;
  } catch (const DataError&) {
  }
  return nullptr;
}

/// Whether a line belongs to a step up to `step`; the first line holds the configuration.
bool is_up_to(const nlohmann::ordered_json& line, bool first, std::int64_t step) {
  if (first) return line.contains("config");
  const auto found = line.find("step");
  return found != line.end() && found->is_number_integer() &&
         (!found->is_number_unsigned() || found->get<std::uint64_t>() <= INT64_MAX) &&
         found->get<std::int64_t>() <= step;
}

/// Length in bytes of the lines up to `step`; 0 if not even the configuration is whole.
std::uint64_t length_up_to(const io::InputFile& file, std::int64_t step) {
  std::uint64_t length = 0;
  for_each_line(file, [&](std::string_view line) {
    const auto object = object_on(line);
    const bool whole = object && is_up_to(*object, length == 0, step);
    if (whole) length += line.size() + 1;
    return whole;
  });
  return length;
}

}  // namespace

MetricsLog::~MetricsLog() {
  if (descriptor_ != -1) ::close(descriptor_);
}

MetricsLog MetricsLog::create(const std::string& path, const LogLine& configuration, const LogLine& run) {
  MetricsLog log(path, open_log(path, O_WRONLY | O_CREAT | O_TRUNC));
  if (log.descriptor_ == -1) refuse(path);
  LogLine first{{"config", configuration}};
  if (!run.empty()) first.add("run", run);
  log.write(first);
  io::sync_name(path);  // a checkpoint that outlives a crash finds its log
  return log;
}

MetricsLog MetricsLog::resume(const std::string& path, const LogLine& configuration, std::int64_t step,
                              const LogLine& run) {
  MetricsLog log(path, open_log(path, O_WRONLY | O_APPEND));
  if (log.descriptor_ == -1 && errno == ENOENT) return create(path, configuration, run);
  if (log.descriptor_ == -1) refuse(path);
  const std::uint64_t length = length_up_to(io::InputFile(path), step);
  if (length == 0) return create(path, configuration, run);
  const auto cut = [&] { return ::ftruncate(log.descriptor_, static_cast<off_t>(length)); };
  if (io::uninterrupted(cut) != 0) refuse(path);
  return log;
}

nlohmann::ordered_json MetricsLog::configuration(const std::string& path) {
  std::error_code error;
  const auto kind = std::filesystem::status(path, error).type();
  if (kind == std::filesystem::file_type::none) raise<DataError>("{}: {}", path, error.message());
  nlohmann::ordered_json result;
  if (kind != std::filesystem::file_type::regular) return result;
  for_each_line(io::InputFile(path), [&](std::string_view line) {
    if (const auto object = object_on(line); object && object->contains("config"))
      result = (*object)["config"];
    return false;
  });
  return result;
}

void MetricsLog::write(const LogLine& line) {
  const std::string text = line.json() + '\n';
  if (!io::write_all(descriptor_, std::as_bytes(std::span(text)))) refuse(path_);
}

void MetricsLog::sync() {
  // A pipe or a terminal cannot be synchronised, and need not be.
  if (io::uninterrupted([&] { return ::fsync(descriptor_); }) != 0 && errno != EINVAL) refuse(path_);
}

}  // namespace unroll
