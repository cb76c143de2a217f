#include "unroll/train/log_line.hpp"

#include <nlohmann/json.hpp>

namespace unroll {
namespace {

std::string dumped(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

LogValue::LogValue(double value, int) : json_(dumped(value)) {}
LogValue::LogValue(std::string_view text) : json_(dumped(text)) {}
LogValue::LogValue(const std::vector<std::string>& texts) : json_(dumped(texts)) {}
LogValue::LogValue(const nlohmann::ordered_json& document) : json_(dumped(document)) {}
LogValue::LogValue(const LogLine& line) : json_(line.json()) {}

LogLine::LogLine(const nlohmann::ordered_json& object) {
  for (const auto& [name, value] : object.items()) add(name, value);
}

void LogLine::add(std::string_view name, const LogValue& value) {
  for (auto& [known, place] : values_)
    if (known == name) return void(place = value);
  values_.emplace_back(name, value);
}

void LogLine::add(const LogLine& others) {
  for (const auto& [name, value] : others.values_) add(name, value);
}

std::string LogLine::json() const {
  std::string text = "{";
  for (const auto& [name, value] : values_) {
    if (text.size() > 1) text += ',';
    text += dumped(name) + ':' + value.json();
  }
  return text + '}';
}

}  // namespace unroll
