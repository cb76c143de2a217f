#include "unroll/io/json.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/io/text.hpp"

namespace unroll::io {
namespace {

using Json = nlohmann::ordered_json;

/// Empties a value from its leaves on: of what is empty the destructor asks for nothing.
void empty_out(Json& value) noexcept {
  if (auto* array = value.get_ptr<Json::array_t*>()) {
    for (; !array->empty(); array->pop_back()) empty_out(array->back());
  } else if (auto* object = value.get_ptr<Json::object_t*>()) {
    for (; !object->empty(); object->pop_back()) empty_out(object->back().second);
  }
}

/// An array or object that is being read. nlohmann's ordered object looks through all its keys for each new one, and
/// copies its values when it grows; this does neither.
struct OpenValue {
  OpenValue() = default;
  OpenValue(OpenValue&&) = default;
  OpenValue& operator=(OpenValue&&) = delete;
  ~OpenValue() {
    for (Json& value : values) empty_out(value);
  }

  bool is_object = false;
  std::vector<std::string> keys = {};
  std::vector<Json> values = {};
};

/// Bytes that values take, with the room that vectors leave free. Texts count more than theirs: they become symbols
/// of a vocabulary, which has each of them twice.
constexpr std::uint64_t value_cost = 2 * sizeof(Json), container_cost = 96, text_cost = 200;

class DocumentReader {
 public:
  DocumentReader(const std::string& source, const JsonLimits& limits) : source_(source), limits_(limits) {
    open_.reserve(deepest_ + 1);
    open_.emplace_back();  // holds the document
  }
  JsonDocument document() {
    JsonDocument result(new Json());
    result->swap(open_.front().values.front());
    return result;
  }

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(std::int64_t value) { return add(value); }
  bool number_unsigned(std::uint64_t value) { return add(value); }
  bool number_float(double value, const std::string&) { return add(value); }
  bool binary(std::vector<std::uint8_t>&) { return false; }
  bool string(std::string& text) {
    charge(text_cost + 3 * text.size());
    return add(text);
  }
  bool key(std::string& text) {
    charge(text_cost + 2 * text.size());
    open_.back().keys.push_back(text);
    return true;
  }
  bool start_object(std::size_t) { return begin(true); }
  bool start_array(std::size_t) { return begin(false); }
  bool end_object() {
    check_keys();
    Json object = Json::object();
    auto* members = object.get_ptr<Json::object_t*>();
    OpenValue& read = open_.back();
    members->reserve(read.keys.size());
    for (std::size_t k = 0; k < read.keys.size(); ++k)
      members->emplace_back(std::move(read.keys[k]), std::move(read.values[k]));
    return end(object);
  }
  bool end_array() {
    Json array = Json::array();
    array.get_ptr<Json::array_t*>()->swap(open_.back().values);
    return end(array);
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    raise<DataError>("{}: not valid JSON at its byte {}", source_, position);
  }

 private:
  bool begin(bool is_object) {
    if (open_.size() > deepest_)
      raise<DataError>("{}: its JSON has arrays or objects in one another, more than {} deep", source_,
                       deepest_);
    charge(container_cost);
    open_.emplace_back();
    open_.back().is_object = is_object;
    return true;
  }
  /// A value whose end was read becomes one of what it stands in.
  bool end(Json& value) {
    try {
      Json& place = (open_.end() - 2)->values.emplace_back();
      place.swap(value);
    } catch (...) {
      empty_out(value);
      throw;
    }
    open_.pop_back();
    return true;
  }
  template <class Value>
  bool add(Value&& value) {
    charge(value_cost);
    open_.back().values.emplace_back(std::forward<Value>(value));
    return true;
  }
  void charge(std::uint64_t bytes) {
    used_ += bytes;
    if (used_ > limits_.memory)
      raise<DataError>("{}: its JSON holds so many values that they need more than {} bytes of memory",
                       source_, limits_.memory);
  }
  void check_keys() const {
    std::vector<std::string_view> sorted(open_.back().keys.begin(), open_.back().keys.end());
    std::sort(sorted.begin(), sorted.end());
    if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end())
      raise<DataError>("{}: two values of {}", source_, quote(*twice));
  }

  const std::string& source_;
  const JsonLimits& limits_;
  std::size_t deepest_ = static_cast<std::size_t>(std::clamp(limits_.depth, 0, 64));
  std::vector<OpenValue> open_;  // never grows beyond its first room
  std::uint64_t used_ = 0;
};

/// A value in a message.
std::string shown(const Json& value) {
  if (value.is_array()) return "an array";
  if (value.is_object()) return "an object";
  return value.is_string() ? quote(value.get_ref<const std::string&>()) : value.dump();
}

}  // namespace

void JsonDeleter::operator()(Json* document) const noexcept {
  if (document) empty_out(*document);
  delete document;
}

JsonDocument parse_json(std::string_view text, const std::string& source, const JsonLimits& limits) {
  // The parser takes a NUL for the end of its input and would not see what follows.
  if (const auto at = text.find('\0'); at != std::string_view::npos)
    raise<DataError>("{}: not valid JSON at its byte {}", source, at);
  DocumentReader reader(source, limits);
  Json::sax_parse(text.begin(), text.end(), &reader);
  return reader.document();
}

JsonValue JsonValue::at(std::string_view key) const {
  if (!value_->is_object()) refuse("an object");
  const auto found = value_->find(key);
  if (found == value_->end()) raise<DataError>("{}: there is no {}", place_, key);
  return {*found, fmt::format("{}: {}", place_, key)};
}

bool JsonValue::contains(std::string_view key) const { return value_->contains(key); }
bool JsonValue::is_null() const { return value_->is_null(); }

std::int64_t JsonValue::signed_in(std::int64_t low, std::int64_t high) const {
  const bool fits = value_->is_number_unsigned() ? std::in_range<std::int64_t>(value_->get<std::uint64_t>())
                                                 : value_->is_number_integer();
  const std::int64_t value = fits ? value_->get<std::int64_t>() : 0;
  if (!fits || value < low || value > high) refuse(fmt::format("a whole number from {} to {}", low, high));
  return value;
}

std::uint64_t JsonValue::unsigned_in(std::uint64_t low, std::uint64_t high) const {
  const bool fits =
      value_->is_number_unsigned() ||
      (value_->is_number_integer() && std::in_range<std::uint64_t>(value_->get<std::int64_t>()));
  const std::uint64_t value = fits ? value_->get<std::uint64_t>() : 0;
  if (!fits || value < low || value > high) refuse(fmt::format("a whole number from {} to {}", low, high));
  return value;
}

double JsonValue::number(double low, double high) const {
  const double value = value_->is_number() ? value_->get<double>() : std::nan("");
  if (value >= low && value <= high) return value;
  constexpr double largest = std::numeric_limits<double>::max();
  if (high < largest) refuse(fmt::format("a number from {} to {}", low, high));
  refuse(low > -largest ? fmt::format("a number of at least {}", low) : "a finite number");
}

bool JsonValue::boolean() const {
  if (!value_->is_boolean()) refuse("true or false");
  return value_->get<bool>();
}

const std::string& JsonValue::text() const {
  if (!value_->is_string()) refuse("a text");
  return value_->get_ref<const std::string&>();
}

const std::string& JsonValue::one_of(std::span<const std::string_view> words) const {
  const std::string& found = text();
  if (std::find(words.begin(), words.end(), found) == words.end())
    refuse(fmt::format("one of {}", fmt::join(words, ", ")));
  return found;
}

std::vector<JsonValue> JsonValue::elements() const {
  if (!value_->is_array()) refuse("an array");
  std::vector<JsonValue> all;
  all.reserve(value_->size());
  for (const Json& element : *value_) all.emplace_back(element, fmt::format("{}[{}]", place_, all.size()));
  return all;
}

std::vector<double> JsonValue::numbers() const {
  if (!value_->is_array()) refuse("an array of numbers");
  std::vector<double> all;
  all.reserve(value_->size());
  for (const Json& element : *value_)
    all.push_back(JsonValue(element, element.is_number() ? "" : place_).number());
  return all;
}

std::vector<std::string> JsonValue::texts() const {
  if (!value_->is_array()) refuse("an array of texts");
  std::vector<std::string> all;
  all.reserve(value_->size());
  for (const Json& element : *value_)
    all.push_back(JsonValue(element, element.is_string() ? "" : place_).text());
  return all;
}

void JsonValue::refuse(std::string_view needed) const {
  raise<DataError>("{}: need {}; got {}", place_, needed, shown(*value_));
}

}  // namespace unroll::io
