#include "unroll/train/run_details.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "unroll/autograd/error.hpp"
#include "unroll/io/atomic_file.hpp"
#include "unroll/io/json.hpp"

namespace unroll {
namespace {

using DetailsJson = nlohmann::ordered_json;

constexpr std::uint64_t largest_details = 64 << 20;
constexpr std::int64_t most_detail_classes = 1024;  // a table of 8 MB
constexpr std::size_t most_confusions = 4;

/// Only what occurs: [actual, predicted, count] each.
DetailsJson sparse(const RunDetails::Confusion& c) {
  DetailsJson cells = DetailsJson::array();
  const std::size_t classes = c.names.size();
  for (std::size_t k = 0; k < c.counts.size(); ++k)
    if (c.counts[k] != 0) cells.push_back({k / classes, k % classes, c.counts[k]});
  return {{"title", c.title}, {"names", c.names}, {"cells", std::move(cells)}};
}

DetailsJson to_json(const RunDetails& d) {
  DetailsJson json{{"step", d.step}, {"measured_on", d.measured_on}};
  const auto list = [&](const char* name, const auto& values, const auto& make) {
    DetailsJson& all = json[name] = DetailsJson::array();
    for (const auto& value : values) all.push_back(make(value));
  };
  list("figures", d.figures, [](const auto& f) { return DetailsJson{{"name", f.name}, {"value", f.value}}; });
  list("confusions", d.confusions, sparse);
  list("alignments", d.alignments, [](const auto& a) {
    return DetailsJson{{"source", a.source}, {"target", a.target}, {"weights", a.weights}};
  });
  list("gates", d.gates, [](const auto& g) {
    return DetailsJson{
        {"layer", g.layer}, {"name", g.name}, {"function", g.function}, {"low", g.low}, {"high", g.high}};
  });
  list("gradients", d.gradients, [](const auto& g) {
    return DetailsJson{{"layer", g.layer}, {"member", g.member}, {"norms", g.norms}};
  });
  return json;
}

RunDetails::Confusion confusion_from(const io::JsonValue& value) {
  RunDetails::Confusion c{.title = value.at("title").text(), .names = value.at("names").texts()};
  const auto classes = std::ssize(c.names);
  if (classes < 1 || classes > most_detail_classes)
    value.at("names").refuse(fmt::format("1 to {} names", most_detail_classes));
  c.counts.resize(static_cast<std::size_t>(classes * classes));
  for (const auto& cell : value.at("cells").elements()) {
    const auto numbers = cell.elements();
    if (numbers.size() != 3) cell.refuse("a true class, a predicted one, and a count");
    const auto actual = numbers[0].integer<std::int64_t>(0, classes - 1),
               predicted = numbers[1].integer<std::int64_t>(0, classes - 1);
    c.counts[static_cast<std::size_t>(actual * classes + predicted)] =
        numbers[2].integer<std::int64_t>(0, std::int64_t{1} << 48);
  }
  return c;
}

RunDetails::Alignment alignment_from(const io::JsonValue& value) {
  RunDetails::Alignment a{.source = value.at("source").texts(),
                          .target = value.at("target").texts(),
                          .weights = value.at("weights").numbers()};
  if (a.weights.size() != a.source.size() * a.target.size())
    value.at("weights").refuse(fmt::format("{} × {} numbers", a.target.size(), a.source.size()));
  return a;
}

RunDetails::Gate gate_from(const io::JsonValue& value) {
  return {.layer = value.at("layer").text(),
          .name = value.at("name").text(),
          .function = value.at("function").text(),
          .low = value.at("low").number(0, 1),
          .high = value.at("high").number(0, 1)};
}

/// A norm that is not finite was written as null.
RunDetails::Gradient gradient_from(const io::JsonValue& value) {
  RunDetails::Gradient g{.layer = value.at("layer").text(), .member = value.at("member").text()};
  for (const auto& norm : value.at("norms").elements())
    g.norms.push_back(norm.is_null() ? std::nan("") : norm.number(0));
  return g;
}

}  // namespace

void RunDetails::add(std::string title, const ConfusionMatrix& matrix, std::span<const std::string> names) {
  if (std::ssize(names) != matrix.classes())
    raise<UsageError>("run details: need a name for each of {} classes; got {}", matrix.classes(),
                      names.size());
  if (matrix.classes() > most_detail_classes || confusions.size() == most_confusions) return;
  Confusion c{.title = std::move(title), .names = {names.begin(), names.end()}};
  for (std::int64_t a = 0; a < matrix.classes(); ++a)
    for (std::int64_t p = 0; p < matrix.classes(); ++p) c.counts.push_back(matrix.count(a, p));
  confusions.push_back(std::move(c));
}

void write_run_details(const std::string& path, const RunDetails& details) {
  const std::string text =
      to_json(details).dump(-1, ' ', false, DetailsJson::error_handler_t::replace) + "\n";
  io::write_file_atomically(path, std::as_bytes(std::span(text)));
}

RunDetails read_run_details(const std::string& path) {
  const auto bytes = io::read_file(path, largest_details);
  const auto document = io::parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path,
                                       {.memory = (32 << 20) + 16 * bytes.size()});
  const io::JsonValue all(*document, path);
  RunDetails details{.step = all.at("step").integer<std::int64_t>(0),
                     .measured_on = all.at("measured_on").text()};
  const auto list = [&](const char* name, auto& values, const auto& read) {
    for (const auto& value : all.at(name).elements()) values.push_back(read(value));
  };
  list("figures", details.figures, [](const auto& f) {
    return RunDetails::Figure{.name = f.at("name").text(), .value = f.at("value").text()};
  });
  if (all.at("confusions").elements().size() > most_confusions)
    all.at("confusions").refuse(fmt::format("at most {} tables", most_confusions));
  list("confusions", details.confusions, confusion_from);
  list("alignments", details.alignments, alignment_from);
  list("gates", details.gates, gate_from);
  list("gradients", details.gradients, gradient_from);
  return details;
}

}  // namespace unroll
