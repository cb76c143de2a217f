#include "common/options.hpp"

#include <nlohmann/json.hpp>

#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/io/json.hpp"

namespace unroll::program {
namespace {

using json = nlohmann::ordered_json;

template <class Value>
void write(json& place, const Value& value) {
  place = value;
}
void write(json& place, const std::optional<std::uint64_t>& value) { place = value ? json(*value) : json(); }

using io::JsonValue;

/// The ends of a range as numbers of a type.
template <std::integral Value>
std::pair<Value, Value> range(const Allowed& allowed) {
  using Limits = std::numeric_limits<Value>;
  // As numbers of type double the ends of a 64-bit type may be rounded: the comparisons include them.
  const auto low =
      allowed.low <= static_cast<double>(Limits::min()) ? Limits::min() : static_cast<Value>(allowed.low);
  const auto high =
      allowed.high >= static_cast<double>(Limits::max()) ? Limits::max() : static_cast<Value>(allowed.high);
  return {low, high};
}

void read(const JsonValue& from, const Allowed&, bool& value) { value = from.boolean(); }
template <std::integral Value>
void read(const JsonValue& from, const Allowed& allowed, Value& value) {
  const auto [low, high] = range<Value>(allowed);
  value = from.integer<Value>(low, high);
}
void read(const JsonValue& from, const Allowed& allowed, double& value) {
  value = from.number(allowed.low, allowed.high);
}
void read(const JsonValue& from, const Allowed& allowed, std::string& value) {
  const std::vector<std::string_view> words(allowed.words.begin(), allowed.words.end());
  const std::string& text = words.empty() ? from.text() : from.one_of(words);
  if (allowed.known && !allowed.known(text)) from.refuse("a name that this program knows");
  value = text;
}
void read(const JsonValue& from, const Allowed& allowed, std::optional<std::uint64_t>& value) {
  value.reset();
  if (!from.is_null()) read(from, allowed, value.emplace());
}
template <class Value>
void read(const JsonValue& from, const Allowed& allowed, std::vector<Value>& values) {
  values.clear();
  for (const JsonValue& element : from.elements()) read(element, allowed, values.emplace_back());
}

}  // namespace

json to_json(const OptionList& list) {
  json result;
  for (const Option& option : list)
    option.value.visit([&](const auto& value) { write(result[option.name], value); });
  return result;
}

void from_json(const OptionList& list, const json& source, const std::string& name) {
  const JsonValue options(source, name);
  for (const Option& option : list)
    if (!option.allowed.later || options.contains(option.name))
      option.value.visit([&](auto& value) { read(options.at(option.name), option.allowed, value); });
}

void internal::go_on_with(const OptionList& earlier, const OptionList& now, const Given& given) {
  const json before = to_json(earlier), wanted = to_json(now);
  json options = before;
  options["time-limit"] = 0;  // belongs to one call
  for (const auto& name : given)
    if (wanted.contains(name)) options[name] = wanted[name];
  for (const Option& option : now)
    if (const auto& name = option.name; option.fixed && options[name] != before[name])
      raise<UsageError>("--{} {}: the run to be continued has {}; leave the option out, or begin another run",
                        name, options[name].dump(), printable(before[name].dump()));
  from_json(earlier, options, "options");
}

void internal::begin_with(const OptionList& trained, const OptionList& now, const Given& given) {
  const json has = to_json(trained);
  json options = to_json(now);
  for (const Option& option : now) {
    if (!option.allowed.shape) continue;
    const auto& name = option.name;
    if (given.contains(name) && options[name] != has[name])
      raise<UsageError>("--{} {}: the model of --init has {}; leave the option out", name,
                        options[name].dump(), printable(has[name].dump()));
    options[name] = has[name];
  }
  from_json(now, options, "options");
}

LearningOptions learning_options(const RunOptions& o) {
  return {.optimizer = o.optimizer,
          .lr = o.lr,
          .weight_decay = o.weight_decay < 0 ? std::nullopt : std::optional(o.weight_decay),
          .clip = o.clip,
          .schedule = o.schedule,
          .warmup = o.warmup,
          .lr_decay = o.lr_decay,
          .plateau_patience = o.plateau_patience,
          .plateau_factor = o.plateau_factor,
          .ema = o.ema,
          .average_after = o.average_after,
          .skip_above = o.skip_above};
}

}  // namespace unroll::program
