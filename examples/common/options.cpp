#include "common/options.hpp"

#include <nlohmann/json.hpp>

#include "unroll/autograd/error.hpp"

namespace unroll::program {
namespace {

using json = nlohmann::ordered_json;

template <class Value>
void write(json& place, const Value& value) {
  place = value;
}
void write(json& place, const std::optional<std::uint64_t>& value) { place = value ? json(*value) : json(); }

template <class Value>
void read(const json& place, Value& value) {
  place.get_to(value);
}
void read(const json& place, std::optional<std::uint64_t>& value) {
  value.reset();
  if (!place.is_null()) value = place.get<std::uint64_t>();
}

}  // namespace

json to_json(const OptionList& list) {
  json result;
  for (const Option& option : list)
    option.value.visit([&](const auto& value) { write(result[option.name], value); });
  return result;
}

void from_json(const OptionList& list, const json& source) {
  for (const Option& option : list)
    option.value.visit([&](auto& value) { read(source.at(option.name), value); });
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
                        name, options[name].dump(), before[name].dump());
  from_json(earlier, options);
}

}  // namespace unroll::program
