#include "unroll/report/page.hpp"

#include <nlohmann/json.hpp>

#include "program.hpp"
#include "unroll/autograd/error.hpp"

using namespace unroll;
using namespace unroll::report;
using program_test::contains;
using program_test::json;
using program_test::write;

namespace {

constexpr std::string_view hostile_text = "</script><!--<b>&\"' \u202Ex\u202C \xFF";

/// The data that a page holds.
json data_of(const std::string& html) {
  constexpr std::string_view begin = "<script type=\"application/json\" id=\"data\">";
  const std::size_t from = html.find(begin) + begin.size();
  return json::parse(html.substr(from, html.find("</script>", from) - from));
}

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++count;
  return count;
}

/// A folder in which every text that a run can hold is one that would break a page.
struct HostileRun {
  TemporaryFolder folder;
  std::string path = (folder / "<b>run").string();
  HostileRun() {
    std::filesystem::create_directory(path);
    const std::string evil(hostile_text);
    json config{{evil, evil}, {"steps_per_epoch", 2}, {"epochs", 1}},
        run{{"program", evil}, {"command", {evil}}, {"model", evil}};
    json line{{"step", 2},
              {"train_loss", 1.0},
              {"valid_loss", 1.0},
              {evil, 3.0},
              {"example", evil + std::string(1, '\0')},
              {"note", evil}};
    const auto text = [](const json& value) {
      return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    };
    write(path + "/metrics.jsonl", text({{"config", config}, {"run", run}}) + text(line));
    RunDetails details{.measured_on = evil, .figures = {{evil, evil}}};
    ConfusionMatrix matrix(1);
    matrix.add(0, 0);
    details.add(evil, matrix, std::vector{evil});
    details.alignments = {{.source = {evil}, .target = {evil}, .weights = {1}}};
    write_run_details(path + "/report.json", details);
  }
};

}  // namespace

TEST_CASE("page: nothing that comes from a run begins or ends a tag") {
  const HostileRun run;
  std::vector<Run> runs;
  runs.push_back(read_run(run.path));
  const std::string html = page(runs, {.script = "/*charts*/", .style = "", .licence = "<licence>"},
                                {.title = std::string(hostile_text)});
  CHECK(count_of(html, "<script") == 3);
  CHECK(count_of(html, "</script>") == 3);
  CHECK_FALSE(contains(html, "<!--"));
  CHECK_FALSE(contains(html, "<b>"));
  CHECK(html.find('\0') == std::string::npos);
  CHECK(contains(html, "&lt;licence&gt;"));
  CHECK(contains(html, "<title>&lt;/script&gt;"));
  const json data = data_of(html), shown = data["runs"][0];
  const std::string whole = "</script><!--<b>&\"' \u202Ex\u202C \uFFFD";
  CHECK(shown["samples"][0]["text"] == whole + std::string(1, '\0'));
  CHECK(shown["about"]["program"] == whole);
  CHECK(shown["details"]["confusions"][0]["matrix"]["names"][0] == whole);
  CHECK(shown["name"] == "<b>run");
}

TEST_CASE(
    "page: the content security policy allows the page's own scripts by a nonce that differs each time") {
  const HostileRun run;
  std::vector<Run> runs;
  runs.push_back(read_run(run.path));
  const auto nonce_of = [&] {
    const std::string html = page(runs, {});
    const std::size_t at = html.find("script-src 'nonce-") + 18;
    const std::string nonce = html.substr(at, 32);
    CHECK(contains(html, "default-src 'none'"));
    CHECK(count_of(html, "<script nonce=\"" + nonce + "\">") == 2);
    CHECK(count_of(html, "unsafe") == 0);
    return nonce;
  };
  CHECK(nonce_of() != nonce_of());
}

TEST_CASE("page: it names no address, and so needs no network") {
  const HostileRun run;
  std::vector<Run> runs;
  runs.push_back(read_run(run.path));
  const std::string html = page(runs, {});
  for (const char* part : {"src=", "url(", "import ", "fetch(", "href=\"http"})
    CHECK_MESSAGE(!contains(html, part), part);
}

TEST_CASE(
    "page: details that do not serve are a note, runs of one name go by their paths, no run is an error") {
  const TemporaryFolder folder;
  for (const char* name : {"a", "b"}) {
    std::filesystem::create_directories(folder / name / "run");
    write(folder / name / "run" / "metrics.jsonl", "{\"config\":{}}\n");
    write(folder / name / "run" / "report.json", "{}");
  }
  std::vector<Run> runs;
  for (const char* name : {"a", "b"}) runs.push_back(read_run((folder / name / "run").string() + "/"));
  REQUIRE(runs[0].notes.size() == 1);
  CHECK(contains(runs[0].notes[0], "What the run says of its model is left out: "));
  const json data = data_of(page(runs, {}));
  CHECK(data["title"] == "2 runs compared");
  CHECK(data["runs"][1]["name"] == (folder / "b" / "run").string() + "/");
  CHECK(data["palette"].size() >= 8);
  CHECK_THROWS_WITH_AS(page({}, {}), "report: need a run to report on", UsageError);
  CHECK_THROWS_WITH_AS(read_run(folder / "a"),
                       ((folder / "a").string() + ": holds no run: there is no metrics.jsonl").c_str(),
                       DataError);
}

TEST_CASE("page: of many classes the most frequent are shown, and the others as one") {
  const TemporaryFolder folder;
  write(folder / "metrics.jsonl", "{\"config\":{}}\n");
  ConfusionMatrix matrix(100);
  for (int c = 0; c < 100; ++c)
    for (int k = 0; k <= c; ++k) matrix.add(c, k == 0 ? 0 : c);
  std::vector<std::string> names;
  for (int c = 0; c < 100; ++c) names.push_back("c" + std::to_string(c));
  RunDetails details;
  details.add("", matrix, names);
  write_run_details(folder / "report.json", details);
  std::vector<Run> runs;
  runs.push_back(read_run(folder.path.string()));
  const json confusion = data_of(page(runs, {}))["runs"][0]["details"]["confusions"][0];
  CHECK(confusion["matrix"]["names"].size() == 32);
  CHECK(confusion["matrix"]["names"][0] == "c99");
  CHECK(confusion["matrix"]["names"][31] == "69 others");
  std::int64_t sum = 0;
  for (const auto& n : confusion["matrix"]["counts"]) sum += n.get<std::int64_t>();
  CHECK(sum == matrix.total());
  CHECK(confusion["classes"].size() == 100);
  CHECK(confusion["mistakes"].size() == 12);
}
