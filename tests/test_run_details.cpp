#include "unroll/train/run_details.hpp"

#include <cmath>
#include <limits>

#include "program.hpp"
#include "unroll/autograd/error.hpp"

using namespace unroll;
using program_test::contains;
using program_test::read;
using program_test::write;

namespace {

RunDetails some_details() {
  ConfusionMatrix matrix(2);
  matrix.add(0, 0), matrix.add(0, 1), matrix.add(1, 1);
  RunDetails details{.step = 7, .measured_on = "a.tsv"};
  details.figures = {{"speed", "fast"}};
  details.add("words", matrix, std::vector<std::string>{"A", "B"});
  details.alignments = {{.source = {"x"}, .target = {"y", "z"}, .weights = {0.25, 1}}};
  details.gates = {{.layer = "layer 0", .name = "f", .function = "sigmoid", .low = 0.5, .high = 0.25}};
  details.gradients = {
      {.layer = "layer 0", .member = "h", .norms = {1, 0.5, std::numeric_limits<double>::infinity()}}};
  return details;
}

std::string refusal(const std::string& text) {
  const TemporaryFolder folder;
  write(folder / "report.json", text);
  try {
    read_run_details(folder / "report.json");
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("run details: what is written is read again") {
  const TemporaryFolder folder;
  const std::string file = folder / "report.json";
  write_run_details(file, some_details());
  const RunDetails d = read_run_details(file);
  CHECK(d.step == 7);
  CHECK(d.measured_on == "a.tsv");
  CHECK(d.figures[0].value == "fast");
  CHECK(d.confusions[0].counts == std::vector<std::int64_t>{1, 1, 0, 1});
  CHECK(d.confusions[0].names == std::vector<std::string>{"A", "B"});
  CHECK(d.alignments[0].weights == std::vector<double>{0.25, 1});
  CHECK(d.gates[0].high == 0.25);
  CHECK(d.gradients[0].norms[1] == 0.5);
  CHECK(std::isnan(d.gradients[0].norms[2]));
}

TEST_CASE("run details: what does not fit together is refused with its place") {
  const TemporaryFolder folder;
  write_run_details(folder / "report.json", some_details());
  const std::string good = read(folder / "report.json");
  const auto with = [&](std::string_view part, std::string_view other) {
    std::string text = good;
    REQUIRE(contains(text, part));
    return refusal(text.replace(text.find(part), part.size(), other));
  };
  CHECK(refusal(good).empty());
  CHECK(contains(with("[0,1,1]", "[0,2,1]"), "confusions"));
  CHECK(contains(with("[0,1,1]", "[0,1]"), "need a true class, a predicted one, and a count"));
  CHECK(contains(with("[0.25,1.0]", "[0.25]"), "need 2 × 1 numbers"));
  CHECK(contains(with("\"low\":0.5", "\"low\":1.5"), "low"));
  CHECK(contains(with("\"step\":7", "\"step\":-1"), "step"));
  CHECK(contains(with("{\"step\"", "[{\"step\""), "report.json"));
}

TEST_CASE("run details: a name for each class is needed; a table of thousands of classes is left out") {
  RunDetails details;
  CHECK_THROWS_WITH_AS(details.add("", ConfusionMatrix(2), std::vector<std::string>{"A"}),
                       "run details: need a name for each of 2 classes; got 1", UsageError);
  details.add("", ConfusionMatrix(2000), std::vector<std::string>(2000));
  CHECK(details.confusions.empty());
}
