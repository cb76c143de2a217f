#include "unroll/report/csv.hpp"

#include <cmath>
#include <unordered_map>
#include <vector>

#include "unroll/autograd/error.hpp"
#include "unroll/report/log_lines.hpp"

namespace unroll::report {
namespace {

constexpr std::size_t most_columns = 1000;

std::string field_of(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? std::string("\"\"") : std::string(1, c);
  return field + '"';
}

struct Columns {
  std::vector<std::string> names;
  std::unordered_map<std::string, std::size_t> places;
};

Columns columns_of(const std::string& path) {
  Columns columns;
  const auto add = [&](const std::string& name) {
    if (!columns.places.emplace(name, columns.names.size()).second) return;
    if (columns.names.size() == most_columns)
      raise<DataError>("{}: has more than {} different numbers: too many for columns", path, most_columns);
    columns.names.push_back(name);
  };
  for_each_log_line(path, [&](const LogEntry& line) {
    if (line.step < 0) return;
    for (const auto& [name, value] : line.numbers) add(name);
    for (const auto& [name, value] : line.flags) add(name);
  });
  return columns;
}

}  // namespace

void log_as_csv(const std::string& path, const std::function<void(std::string_view)>& write) {
  const Columns columns = columns_of(path);
  std::string row = "step";
  for (const auto& name : columns.names) row += "," + field_of(name);
  write(row + "\n");
  std::vector<std::string> fields(columns.names.size());
  // A line that was written since then may have a number that has no column.
  const auto put = [&](const std::string& name, std::string text) {
    if (const auto found = columns.places.find(name); found != columns.places.end())
      fields[found->second] = std::move(text);
  };
  for_each_log_line(path, [&](const LogEntry& line) {
    if (line.step < 0) return;
    for (auto& field : fields) field.clear();
    for (const auto& [name, value] : line.numbers)
      put(name, std::isfinite(value) ? fmt::format("{}", value) : "nan");
    for (const auto& [name, value] : line.flags) put(name, value ? "1" : "0");
    row = std::to_string(line.step);
    for (const auto& field : fields) (row += ',') += field;
    write(row += '\n');
  });
}

}  // namespace unroll::report
