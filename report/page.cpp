#include "unroll/report/page.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/report/page_text.hpp"
#include "unroll/report/palette.hpp"
#include "unroll/train/run_folder.hpp"
#include "unroll/version.hpp"

namespace unroll::report {
namespace {

using PageJson = nlohmann::ordered_json;

constexpr std::size_t longest_option = 300, most_shown_classes = 32, most_listed_classes = 200,
                      most_mistakes = 12;
constexpr std::size_t most_alignments = 8, most_words = 80, most_lags = 500;

/// Six digits are more than a picture shows.
double rounded(double value) {
  if (!std::isfinite(value) || value == 0) return value;
  const double scale = std::pow(10.0, 5 - std::floor(std::log10(std::fabs(value))));
  const double result = std::round(value * scale) / scale;
  return std::isfinite(result) ? result : value;
}

PageJson rounded_list(const std::vector<double>& values) {
  PageJson list = PageJson::array();
  for (const double value : values)
    list.push_back(std::isfinite(value) ? PageJson(rounded(value)) : PageJson());
  return list;
}

std::string cut_text(std::string text, std::size_t longest) {
  if (text.size() <= longest) return text;
  while (longest > 0 && (static_cast<unsigned char>(text[longest]) & 0xC0) == 0x80) --longest;
  return text.substr(0, longest) + "…";
}

/// A value of the options as it is shown.
std::string shown_option(const PageJson& value) {
  if (value.is_string()) return cut_text(value.get<std::string>(), longest_option);
  if (!value.is_array())
    return cut_text(value.dump(-1, ' ', false, PageJson::error_handler_t::replace), longest_option);
  std::string text;
  for (const auto& element : value) {
    if (text.size() > longest_option) break;
    text += (text.empty() ? "" : ", ") + shown_option(element);
  }
  return cut_text(std::move(text), longest_option);
}

PageJson options_of(const RunLog& log) {
  PageJson options = PageJson::array();
  if (!log.config) return options;
  for (const auto& [name, value] : log.config->items()) {
    if (options.size() == 300) break;
    options.push_back({cut_text(name, longest_option), shown_option(value)});
  }
  return options;
}

PageJson curves_of(const RunLog& log) {
  PageJson curves = PageJson::array();
  for (const auto& [key, curve] : log.curves) {
    PageJson c{{"key", key}, {"s", curve.steps}, {"v", rounded_list(curve.values)}, {"n", curve.count}};
    if (!curve.means.empty()) c["ms"] = curve.mean_steps, c["mv"] = rounded_list(curve.means);
    curves.push_back(std::move(c));
  }
  return curves;
}

PageJson evaluated(const std::optional<Evaluated>& e) {
  if (!e) return {};
  PageJson figures = PageJson::object();
  for (const auto& [name, value] : e->figures) figures[name] = value;
  return {{"step", e->step}, {"figures", std::move(figures)}};
}

PageJson samples_of(const RunLog& log) {
  PageJson samples = PageJson::array();
  for (const Sample& s : log.samples)
    samples.push_back({{"step", s.step},
                       {"loss", s.loss ? PageJson(*s.loss) : PageJson()},
                       {"best", s.best},
                       {"text", s.text},
                       {"note", s.note}});
  return samples;
}

/// The classes with what occurs most first.
std::vector<std::size_t> by_occurrence(const RunDetails::Confusion& c, std::vector<std::int64_t>& actual,
                                       std::vector<std::int64_t>& predicted) {
  const std::size_t n = c.names.size();
  actual.assign(n, 0), predicted.assign(n, 0);
  for (std::size_t a = 0; a < n; ++a)
    for (std::size_t p = 0; p < n; ++p) actual[a] += c.counts[a * n + p], predicted[p] += c.counts[a * n + p];
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t k) { return actual[k]; });
  return order;
}

/// The classes that occur most, and all others as one.
PageJson shown_matrix(const RunDetails::Confusion& c, const std::vector<std::size_t>& order) {
  const std::size_t n = order.size(), shown = n <= most_shown_classes ? n : most_shown_classes - 1;
  const std::size_t size = shown < n ? shown + 1 : shown;
  std::vector<std::size_t> place(n, shown);
  PageJson names = PageJson::array();
  for (std::size_t k = 0; k < shown; ++k) place[order[k]] = k, names.push_back(c.names[order[k]]);
  if (shown < n) names.push_back(fmt::format("{} others", n - shown));
  std::vector<std::int64_t> counts(size * size);
  for (std::size_t a = 0; a < n; ++a)
    for (std::size_t p = 0; p < n; ++p) counts[place[a] * size + place[p]] += c.counts[a * n + p];
  return {{"names", names}, {"counts", counts}};
}

PageJson worst_mistakes(const RunDetails::Confusion& c) {
  const std::size_t n = c.names.size();
  std::vector<std::size_t> cells;
  for (std::size_t k = 0; k < c.counts.size(); ++k)
    if (c.counts[k] > 0 && k / n != k % n) cells.push_back(k);
  const auto count = std::min(cells.size(), most_mistakes);
  std::ranges::partial_sort(cells, cells.begin() + static_cast<std::ptrdiff_t>(count), std::greater(),
                            [&](std::size_t k) { return c.counts[k]; });
  PageJson list = PageJson::array();
  for (std::size_t k = 0; k < count; ++k)
    list.push_back({c.names[cells[k] / n], c.names[cells[k] % n], c.counts[cells[k]]});
  return list;
}

PageJson confusion_of(const RunDetails::Confusion& c) {
  std::vector<std::int64_t> actual, predicted;
  const auto order = by_occurrence(c, actual, predicted);
  PageJson classes = PageJson::array();
  for (const std::size_t k : order)
    if (classes.size() < most_listed_classes && actual[k] + predicted[k] > 0)
      classes.push_back({c.names[k], actual[k], predicted[k], c.counts[k * c.names.size() + k]});
  return {{"title", c.title},
          {"matrix", shown_matrix(c, order)},
          {"classes", classes},
          {"mistakes", worst_mistakes(c)}};
}

PageJson details_of(const std::optional<RunDetails>& details) {
  if (!details) return {};
  PageJson json{{"step", details->step},           {"on", details->measured_on},
                {"figures", PageJson::array()},    {"confusions", PageJson::array()},
                {"alignments", PageJson::array()}, {"gates", PageJson::array()},
                {"gradients", PageJson::array()}};
  for (const auto& f : details->figures) json["figures"].push_back({f.name, f.value});
  for (const auto& c : details->confusions) json["confusions"].push_back(confusion_of(c));
  for (const auto& a : details->alignments)
    if (json["alignments"].size() < most_alignments &&
        std::max(a.source.size(), a.target.size()) <= most_words)
      json["alignments"].push_back(
          {{"source", a.source}, {"target", a.target}, {"weights", rounded_list(a.weights)}});
  for (const auto& g : details->gates)
    json["gates"].push_back({g.layer, g.name, g.function, rounded(g.low), rounded(g.high)});
  for (const auto& g : details->gradients) {
    const auto count = static_cast<std::ptrdiff_t>(std::min(g.norms.size(), most_lags));
    const std::vector<double> norms(g.norms.begin(), g.norms.begin() + count);
    json["gradients"].push_back({{"layer", g.layer}, {"member", g.member}, {"norms", rounded_list(norms)}});
  }
  return json;
}

/// What the first line of the log says of the run, where it does.
PageJson about(const RunLog& log) {
  PageJson all = PageJson::object();
  if (!log.run) return all;
  for (const char* key : {"program", "version", "started", "processor", "unit", "model"})
    if (const auto found = log.run->find(key); found != log.run->end() && found->is_string())
      all[key] = cut_text(found->get<std::string>(), 100'000);
  if (const auto found = log.run->find("threads"); found != log.run->end() && found->is_number())
    all["threads"] = *found;
  if (const auto found = log.run->find("command"); found != log.run->end() && found->is_array()) {
    all["command"] = PageJson::array();
    for (const auto& word : *found)
      if (word.is_string()) all["command"].push_back(word);
  }
  return all;
}

PageJson number_in_config(const RunLog& log, const char* key) {
  const double value = number_in(log.config, key);
  return std::isnan(value) ? PageJson() : PageJson(value);
}

PageJson json_of(const Run& run) {
  const RunLog& log = run.log;
  PageJson spent = PageJson::object();
  for (const auto& [key, seconds] : log.spent) spent[key] = rounded(seconds);
  PageJson notes = run.notes;
  for (const auto& note : log.notes) notes.push_back(note);
  return {
      {"name", run.name},
      {"folder", run.folder},
      {"about", about(log)},
      {"options", options_of(log)},
      {"parameters", number_in_config(log, "parameters")},
      {"epochs", number_in_config(log, "epochs")},
      {"steps_per_epoch", number_in_config(log, "steps_per_epoch")},
      {"step", log.last_step},
      {"lines", log.lines},
      {"best", evaluated(log.best)},
      {"last", evaluated(log.last)},
      {"clock", {{"s", log.clock_steps}, {"e", rounded_list(log.epochs)}, {"t", rounded_list(log.seconds)}}},
      {"curves", curves_of(log)},
      {"spent", spent},
      {"samples", samples_of(log)},
      {"details", details_of(run.details)},
      {"notes", notes}};
}

/// At least as many colours as a chart has lines.
PageJson colours_for(const std::vector<Run>& runs) {
  std::size_t most = std::max<std::size_t>(8, runs.size());
  for (const Run& run : runs)
    if (run.details) most = std::max(most, run.details->gradients.size());
  PageJson list = PageJson::array();
  for (const Colour& colour : line_colours(std::min(most, most_line_colours)))
    list.push_back({colour.light, colour.dark});
  return list;
}

/// As data in a page: no tag begins or ends in it.
std::string data_text(const PageJson& json) {
  const std::string text = json.dump(-1, ' ', true, PageJson::error_handler_t::replace);
  std::string result;
  result.reserve(text.size() + text.size() / 16);
  for (const char c : text) {  // in JSON these stand in texts alone
    if (c == '<')
      result += "\\u003c";
    else if (c == '>')
      result += "\\u003e";
    else if (c == '&')
      result += "\\u0026";
    else
      result += c;
  }
  return result;
}

std::string as_html(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '"')
      result += "&quot;";
    else if (static_cast<unsigned char>(c) >= ' ' || c == '\n' || c == '\t')
      result += c;
    else
      result += "\xEF\xBF\xBD";
  }
  return result;
}

std::string nonce() {
  std::random_device device;
  std::string text;
  for (int k = 0; k < 4; ++k) text += fmt::format("{:08x}", device());
  return text;
}

std::string default_title(const std::vector<Run>& runs) {
  if (runs.size() == 1) return runs.front().name;
  return fmt::format("{} runs compared", runs.size());
}

/// The names that tell runs apart: of two folders of one name, the paths.
std::vector<std::string> telling_names(const std::vector<Run>& runs) {
  std::vector<std::string> names;
  for (const Run& run : runs) {
    const auto same = std::ranges::count(runs, run.name, &Run::name);
    names.push_back(same > 1 ? run.folder : run.name);
  }
  return names;
}

constexpr std::string_view no_script =
    "<noscript><p class=\"notice\">This report draws itself with JavaScript, which is switched off here. The "
    "scripts are "
    "a part of this file; it needs no network.</p></noscript>";

}  // namespace

Run read_run(const std::string& path, const RunLogOptions& options) {
  std::error_code error;
  Run run{.folder = path};
  auto absolute = std::filesystem::absolute(path, error).lexically_normal();
  if (!absolute.has_filename()) absolute = absolute.parent_path();  // a slash at the end
  run.name = absolute.filename().string();
  if (!std::filesystem::is_directory(path, error)) {
    run.log = read_run_log(path, options);
    return run;
  }
  const RunFolder folder(path);
  if (!RunFolder::exists(folder.log())) raise<DataError>("{}: holds no run: there is no metrics.jsonl", path);
  run.log = read_run_log(folder.log(), options);
  if (!RunFolder::exists(folder.details())) return run;
  try {
    run.details = read_run_details(folder.details());
  } catch (const DataError& problem) {
    run.notes.push_back(fmt::format("What the run says of its model is left out: {}", problem.what()));
  }
  return run;
}

std::string page(const std::vector<Run>& runs, const ChartLibrary& charts, const PageOptions& options) {
  if (runs.empty()) raise<UsageError>("report: need a run to report on");
  PageJson data{{"version", UNROLL_VERSION_STRING},
                {"written", options.written},
                {"refresh", options.refresh_seconds},
                {"palette", colours_for(runs)},
                {"runs", PageJson::array()}};
  const auto names = telling_names(runs);
  for (std::size_t k = 0; k < runs.size(); ++k) {
    data["runs"].push_back(json_of(runs[k]));
    data["runs"].back()["name"] = names[k];
  }
  const std::string title = options.title.empty() ? default_title(runs) : options.title;
  data["title"] = title;
  const std::string key = nonce();
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'nonce-{0}'; "
      "style-src 'nonce-{0}'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"unroll "
      "{1}\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>{2}</title>\n<style "
      "nonce=\"{0}\">{3}\n{4}</style>\n</head>\n<body>\n{5}\n"
      "<div id=\"page\"></div>\n<details class=\"licence\"><summary>Licence of dygraphs, which draws the "
      "charts</summary>"
      "<pre>{6}</pre></details>\n",
      key, UNROLL_VERSION_STRING, as_html(title), charts.style, detail::page_style(), no_script,
      as_html(charts.licence));
  html += fmt::format("<script type=\"application/json\" id=\"data\">{}</script>\n", data_text(data));
  html += fmt::format(
      "<script nonce=\"{0}\">{1}</script>\n<script nonce=\"{0}\">{2}</script>\n</body>\n</html>\n", key,
      charts.script, detail::page_script());
  return html;
}

}  // namespace unroll::report
