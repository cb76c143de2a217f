#include "examples/char_lm/options.hpp"

namespace unroll::char_lm {
namespace {

template <class Visit>
void visit_all(auto& options, Visit&& visit) {
  visit_changeable(options, visit);
  visit_fixed(options, visit);
}

}  // namespace

nlohmann::ordered_json to_json(const TrainOptions& options) {
  nlohmann::ordered_json json;
  visit_all(options, [&](const char* name, const auto& value, auto&&...) { json[name] = value; });
  return json;
}

TrainOptions from_json(const nlohmann::ordered_json& json) {
  TrainOptions options;
  visit_all(options, [&](const char* name, auto& value, auto&&...) { json.at(name).get_to(value); });
  return options;
}

TrainOptions continued(const TrainOptions& earlier, const TrainOptions& now,
                       const std::set<std::string>& given) {
  const auto before = to_json(earlier), wanted = to_json(now);
  auto options = before;
  options["time-limit"] = 0;  // belongs to one call
  for (const auto& name : given)
    if (wanted.contains(name)) options[name] = wanted[name];
  visit_fixed(now, [&](const char* name, auto&&...) {
    if (options[name] != before[name])
      fail<UsageError>("--{} {}: the run to be continued has {}; leave the option out, or begin another run",
                       name, options[name].dump(), before[name].dump());
  });
  TrainOptions result = from_json(options);
  result.out = now.out;
  result.resume = true;
  return result;
}

}  // namespace unroll::char_lm
