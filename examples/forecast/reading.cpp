#include "forecast/reading.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "unroll/autograd/error.hpp"

namespace unroll::forecast {
namespace {

using Numbers = std::vector<std::int64_t>;
constexpr std::int64_t most_features = 100'000;

/// Numbers of columns, each of them in one role only.
Numbers read_role(const io::JsonValue& value, std::int64_t columns, std::set<std::int64_t>& taken) {
  Numbers role;
  for (const auto& element : value.elements()) {
    role.push_back(element.integer<std::int64_t>(0, columns - 1));
    if (!taken.insert(role.back()).second) raise<DataError>("{}: a column has two roles", element.place());
  }
  return role;
}

}  // namespace

void Reading::to_json(nlohmann::ordered_json& json) const {
  json = {{"columns", columns},
          {"targets", roles.targets},
          {"past", roles.past},
          {"known", roles.known},
          {"static", roles.fixed},
          {"words", nlohmann::ordered_json::array()},
          {"past_features", past_features},
          {"known_features", known_features},
          {"static_features", fixed_features},
          {"order", order},
          {"season", season},
          {"dated", dated},
          {"end", end},
          {"last", last}};
  for (const auto& [column, levels] : words)
    json["words"].push_back({{"column", column}, {"levels", levels}});
}

Reading Reading::from_json(const io::JsonValue& value) {
  Reading reading;
  reading.columns = value.at("columns").texts();
  std::set<std::int64_t> taken;
  const auto role = [&](const char* name) {
    return read_role(value.at(name), std::ssize(reading.columns), taken);
  };
  reading.roles = {
      .targets = role("targets"), .past = role("past"), .known = role("known"), .fixed = role("static")};
  if (reading.roles.targets.size() != 1)
    raise<DataError>("{}: need one column; got {}", value.at("targets").place(),
                     reading.roles.targets.size());
  for (const auto& entry : value.at("words").elements())
    reading.words.emplace_back(entry.at("column").text(), entry.at("levels").texts());
  const auto count = [&](const char* name, std::int64_t low) {
    return value.at(name).integer<std::int64_t>(low, most_features);
  };
  reading.past_features = count("past_features", 1);
  reading.known_features = count("known_features", 0);
  reading.fixed_features = count("static_features", 0);
  reading.order = count("order", 0);
  reading.season = value.at("season").integer<std::int64_t>(0);
  reading.dated = value.at("dated").boolean();
  reading.end = value.at("end").integer<std::int64_t>();
  reading.last = value.at("last").text();
  return reading;
}

}  // namespace unroll::forecast
