#include "unroll/report/run_log.hpp"

#include "program.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/report/csv.hpp"
#include "unroll/report/log_lines.hpp"

using namespace unroll;
using namespace unroll::report;
using program_test::write;

namespace {

constexpr const char* whole_log =
    R"({"config":{"lr":0.1,"steps_per_epoch":4},"run":{"program":"tag"}})"
    "\n"
    R"({"step":2,"epoch":0.5,"loss":3,"learning_rate":0.1,"words_per_second":100.0,"seconds":1.5,"data_seconds":0.5})"
    "\n"
    R"({"step":4,"epoch":1.0,"train_loss":3.5,"valid_loss":2.5,"accuracy":0.5,"best":true,"stalled":0,"seconds":3,"evaluation_seconds":0.25,"example":"one"})"
    "\n"
    R"({"step":6,"loss":null,"learning_rate":0.1,"words_per_second":90,"seconds":4,"data_seconds":0.25})"
    "\n"
    R"({"step":8,"train_loss":2.5,"valid_loss":2.75,"accuracy":0.25,"best":false,"stalled":1,"seconds":6,"example":"two"})"
    "\n";

struct LogFile {
  TemporaryFolder folder;
  std::string path = (folder / "metrics.jsonl").string();
  explicit LogFile(std::string_view text) { write(path, text); }
};

const Curve& curve_named(const RunLog& log, std::string_view key) {
  for (const auto& [name, curve] : log.curves)
    if (name == key) return curve;
  FAIL("no curve " << key);
  return log.curves.front().curve;
}

std::string csv_of(const std::string& path) {
  std::string csv;
  log_as_csv(path, [&](std::string_view piece) { csv += piece; });
  return csv;
}

}  // namespace

TEST_CASE("run log: curves, clock, best evaluation, samples and sums are those of the lines") {
  const LogFile file(whole_log);
  const RunLog log = read_run_log(file.path);
  CHECK(log.last_step == 8);
  CHECK(log.lines == 5);
  CHECK(curve_named(log, "valid_loss").values == std::vector<double>{2.5, 2.75});
  CHECK(curve_named(log, "loss").not_finite == 1);
  CHECK(curve_named(log, "learning_rate").count == 2);
  CHECK(log.clock_steps == std::vector<std::int64_t>{2, 4, 6, 8});
  CHECK(log.epochs == std::vector<double>{0.5, 1, 1.5, 2});
  CHECK(log.seconds == std::vector<double>{1.5, 3, 4, 6});
  REQUIRE(log.best);
  CHECK(log.best->step == 4);
  CHECK(log.last->step == 8);
  REQUIRE(log.samples.size() == 2);
  CHECK(log.samples[0].text == "one");
  CHECK(log.samples[0].best);
  CHECK(*log.samples[1].loss == 2.75);
  CHECK(log.spent ==
        std::vector<std::pair<std::string, double>>{{"data_seconds", 0.75}, {"evaluation_seconds", 0.25}});
  CHECK(log.notes == std::vector<std::string>{"loss: 1 of 2 values are not finite, the first at step 6."});
  CHECK(number_in(log.config, "lr") == 0.1);
}

TEST_CASE("run log: the epoch of an older log's training line, which counted from 1, is not taken for one") {
  const LogFile file(
      "{\"config\":{\"steps_per_epoch\":10}}\n{\"step\":5,\"epoch\":1,\"loss\":2,\"seconds\":1}\n");
  CHECK(read_run_log(file.path).epochs == std::vector<double>{0.5});
}

TEST_CASE("run log: half-written, foreign and falling lines are left out or told, and the rest is read") {
  const LogFile file(std::string(whole_log) +
                     "no JSON\n[1]\n7\n{\"step\":3,\"loss\":1}\n{\"other\":1}\n{\"step\":10,\"lo");
  const RunLog log = read_run_log(file.path);
  CHECK(log.last_step == 8);
  CHECK(curve_named(log, "loss").count == 3);
  REQUIRE(log.notes.size() == 5);
  CHECK(log.notes[0] == "The last line of the log is not whole: the run still writes it, or was killed.");
  CHECK(log.notes[1] ==
        "3 of 10 lines of the log are no JSON objects, and are left out; the first is line 6.");
  CHECK(log.notes[2] ==
        "1 of 10 lines of the log are neither of training nor of evaluation, and are left out.");
  CHECK(log.notes[3] == "The number of steps falls 1 times in the log: it is of several runs.");
}

TEST_CASE("run log: a log of nothing has a note, a missing one is an error") {
  const LogFile file("");
  CHECK(read_run_log(file.path).notes == std::vector<std::string>{"The log has no whole line yet."});
  CHECK_THROWS_AS(read_run_log(file.path + "x"), DataError);
}

TEST_CASE("run log: of many samples the first and the last stay, and not more than asked for") {
  std::string text;
  for (int k = 1; k <= 1000; ++k)
    text += fmt::format("{{\"step\":{},\"train_loss\":1,\"valid_loss\":{},\"example\":\"s{}\"}}\n", k,
                        1.0 / k, k);
  const LogFile file(text);
  for (const std::size_t most : {5u, 8u, 40u}) {
    const RunLog log = read_run_log(file.path, {.samples = most});
    CHECK(log.samples.size() <= most);
    CHECK(log.samples.size() >= most / 2);
    CHECK(log.samples.front().text == "s1");
    CHECK(log.samples.back().text == "s1000");
    for (std::size_t k = 1; k < log.samples.size(); ++k) CHECK(log.samples[k - 1].step < log.samples[k].step);
  }
}

TEST_CASE("log lines: a line that is longer than a megabyte is foreign, those around it are read") {
  const LogFile file("{\"step\":1,\"loss\":1}\n{\"step\":2,\"text\":\"" + std::string(3 << 20, 'x') +
                     "\"}\n{\"step\":3,\"loss\":2}\n");
  std::vector<std::int64_t> steps;
  const LogLines met =
      for_each_log_line(file.path, [&](const report::LogEntry& line) { steps.push_back(line.step); });
  CHECK(steps == std::vector<std::int64_t>{1, 3});
  CHECK(met.lines == 3);
  CHECK(met.foreign == 1);
  CHECK(met.first_foreign == 2);
  CHECK_FALSE(met.unfinished);
}

TEST_CASE(
    "csv: the columns are all numbers in the order in which they occur; fields are quoted where they must "
    "be") {
  const LogFile file(
      "{\"config\":{}}\n{\"step\":1,\"loss\":0.1,\"a,\\\"b\":2}\n{\"step\":2,\"loss\":null,\"best\":true,"
      "\"x\":\"text\"}\n");
  CHECK(csv_of(file.path) == "step,loss,\"a,\"\"b\",best\n1,0.1,2,\n2,nan,,1\n");
}
