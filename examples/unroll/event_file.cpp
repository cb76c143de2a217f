#include "unroll/event_file.hpp"

#include <time.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "event.pb.h"
#include "unroll/autograd/error.hpp"
#include "unroll/io/json.hpp"
#include "unroll/report/log_lines.hpp"

namespace unroll::tool {
namespace {

constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t k = 0; k < 256; ++k) {
    std::uint32_t value = k;
    for (int bit = 0; bit < 8; ++bit) value = value & 1 ? value >> 1 ^ 0x82f63b78u : value >> 1;
    table[k] = value;
  }
  return table;
}();

std::uint32_t masked(std::uint32_t crc) { return (crc >> 15 | crc << 17) + 0xa282ead8u; }

template <class Number>
void append_little(std::string& to, Number number) {
  for (std::size_t k = 0; k < sizeof number; ++k) to += static_cast<char>(number >> (8 * k) & 0xff);
}

std::string tag_of(const std::string& key) {
  if (key == "loss") return "loss/train";
  if (key == "train_loss") return "loss/train_mean";
  if (key == "valid_loss") return "loss/validation";
  return key;
}

/// Seconds since 1970 of `2026-11-30T22:40:00Z` in the log's first line; 0 if it is not there.
double start_of(const report::LogEntry& line) {
  try {
    const auto document = io::parse_json(line.text, "log");
    const auto run = document->find("run");
    if (run == document->end() || !run->is_object() || !run->contains("started")) return 0;
    const auto& started = (*run)["started"];
    tm parts{};
    if (started.is_string() &&
        ::strptime(started.get_ref<const std::string&>().c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts))
      return static_cast<double>(::timegm(&parts));
  } catch (const DataError&) {
  }
  return 0;
}

std::string record_of(const events::Event& event) { return event_record(event.SerializeAsString()); }

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (const char c : bytes) crc = crc >> 8 ^ crc_table[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

std::string event_record(std::string_view bytes) {
  std::string record;
  append_little(record, static_cast<std::uint64_t>(bytes.size()));
  append_little(record, masked(crc32c(record)));
  record += bytes;
  append_little(record, masked(crc32c(bytes)));
  return record;
}

std::int64_t log_as_events(const std::string& log, const std::function<void(std::string_view)>& write) {
  std::int64_t count = 0;
  double start = 0;
  events::Event event;
  bool begun = false;
  const auto begin = [&] {
    if (std::exchange(begun, true)) return;
    event.set_wall_time(start);
    event.set_file_version("brain.Event:2");
    write(record_of(event));
  };
  report::for_each_log_line(log, [&](const report::LogEntry& line) {
    if (line.step < 0) {
      if (line.number == 1) start = start_of(line);
      return;
    }
    begin();
    const double seconds = line.number_of("seconds");
    event.Clear();
    event.set_wall_time(start + (std::isfinite(seconds) ? seconds : 0));
    event.set_step(line.step);
    for (const auto& [key, value] : line.numbers) {
      auto& scalar = *event.mutable_summary()->add_value();
      scalar.set_tag(tag_of(key));
      scalar.set_simple_value(static_cast<float>(value));
    }
    if (!event.has_summary()) return;
    write(record_of(event));
    ++count;
  });
  begin();
  return count;
}

}  // namespace unroll::tool
