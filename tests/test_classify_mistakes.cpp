#include <fmt/format.h>

#include "program.hpp"

using namespace program_test;
namespace fs = std::filesystem;

namespace {

const Arguments small = {"--hidden", "3",           "--embedding", "3",         "--epochs",
                         "1",        "--min-count", "1",           "--threads", "1"};

/// Trains with a file of this content; returns what came of it.
Outcome train_on(const TemporaryFolder& folder, std::string_view content, const Arguments& more = {},
                 const char* option = "--text") {
  write(folder / "data", content);
  const auto outcome = run(
      "classify", folder,
      with(with({"train", option, folder / "data", "--out", folder / "run", "--overwrite"}, small), more));
  CHECK((outcome.status == 0) == outcome.err.empty());
  return outcome;
}

/// The message of a run that fails before it has made its folder, without the path of the data.
std::string complaint(std::string_view content, const Arguments& more = {}, const char* option = "--text") {
  const TemporaryFolder folder;
  const auto outcome = train_on(folder, content, more, option);
  CHECK(outcome.status != 0);
  CHECK(!fs::exists(folder / "run"));
  const std::string begin = "classify: " + std::string(folder / "data");
  return outcome.err.starts_with(begin) ? outcome.err.substr(begin.size()) : outcome.err;
}

constexpr std::string_view good = "a\tone\nb\ttwo\na\tthree\nb\tfour\n";

}  // namespace

TEST_CASE("classify: bad files are refused with file and line, and leave no folder") {
  CHECK(complaint("") == ": the file is empty\n");
  CHECK(complaint("\n \n\t\n") == ": nothing but blank lines\n");
  CHECK(complaint("a\tone\nb\n") == ":2: need label TAB text; there is no tab\n");
  CHECK(complaint("a\tone\nb\tx\ty\n") == ":2: need label TAB text; got 3 columns\n");
  CHECK(complaint("a\tone\nb\t \n") == ":2: need label TAB text; the second column is empty\n");
  CHECK(complaint("a\tone\nb\t\xE9\n") ==
        ":2: byte 0xE9 (offset 8) is not UTF-8: a continuation byte is missing\n");
  CHECK(complaint("a\tone\na\ttwo\n") ==
        ": need examples of at least two classes to train with; got 'a' alone\n");
  CHECK(contains(complaint(good, {"--min-count", "9"}), "occurs so often; take a smaller number\n"));
}

TEST_CASE("classify: bad series are refused with file and line") {
  CHECK(complaint("a\n1 2\n\nb\n1 x\n", {}, "--series") == ":5: need finite numbers; got 'x'\n");
  CHECK(complaint("a\n1 2\n\nb\n1\n", {}, "--series") ==
        ":5: need 2 numbers, as in the first vector; got 1\n");
  CHECK(complaint("a\n\nb\n1\n", {}, "--series") == ":1: the label 'a' has no vectors below it\n");
}

TEST_CASE("classify: CR LF and a byte order mark change nothing") {
  const TemporaryFolder plain, marked;
  const Arguments all = {"--valid-fraction", "0"};
  CHECK(train_on(plain, good, all).status == 0);
  CHECK(train_on(marked,
                 "\xEF\xBB\xBF"
                 "a\tone\r\nb\ttwo\r\na\tthree\r\nb\tfour\r\n",
                 all)
            .status == 0);
  CHECK(equal(tensors_of(plain / "run", "classify"), tensors_of(marked / "run", "classify")));
}

TEST_CASE("classify: a class with one example trains, and the program says that nothing validates it") {
  const TemporaryFolder folder;
  std::string lines = "rare\tone\n";
  for (int k = 0; k < 20; ++k) lines += k % 2 ? "a\tx\n" : "b\ty\n";
  for (const auto* seed : {"1", "2", "3", "4"}) {
    const auto outcome = train_on(folder, lines, {"--valid-fraction", "0.5", "--split-seed", seed});
    CHECK_MESSAGE(outcome.status == 0, outcome.err);
    CHECK_MESSAGE(contains(outcome.out, "note: nothing validates rare\n"), outcome.out);
  }
}

TEST_CASE("classify: a class that the model has not learned is refused with its place") {
  const TemporaryFolder folder;
  write(folder / "other", "a\tone\nc\tone\n");
  const std::string message =
      std::string(folder / "other") + ":2: the model has not learned a class 'c'; it knows a, b\n";
  CHECK(contains(train_on(folder, good, {"--valid", folder / "other"}).err, message));
  REQUIRE(train_on(folder, good).status == 0);
  const auto evaluated =
      run("classify", folder, {"eval", "--model", folder / "run", "--text", folder / "other"});
  CHECK(evaluated.status == 1);
  CHECK(evaluated.err == "classify: " + message);
}

TEST_CASE("classify: a line of 5,000 characters trains and is predicted") {
  const TemporaryFolder folder;
  const std::string line(5000, 'x');
  const auto trained = train_on(folder, fmt::format("{}a\t{}\n", good, line), {"--valid-fraction", "0"});
  CHECK(trained.status == 0);
  CHECK_MESSAGE(
      contains(trained.out, "note: the longest example has 5,000 characters, half of them at most 4: "),
      trained.out);
  CHECK_FALSE(contains(train_on(folder, good).out, "note: the longest"));
  const auto predicted =
      run("classify", folder, {"predict", "--model", folder / "run"}, fmt::format("{}\n", line));
  CHECK_MESSAGE(predicted.status == 0, predicted.err);
  CHECK(predicted.out.starts_with(line + "\t"));
}

TEST_CASE("classify: lines that are not UTF-8 are predicted all the same, and told") {
  const TemporaryFolder folder;
  REQUIRE(train_on(folder, good).status == 0);
  const auto predicted = run("classify", folder, {"predict", "--model", folder / "run"}, "one\nt\xFFwo\n");
  CHECK(predicted.status == 0);
  CHECK(contains(predicted.out, "\nt\uFFFDwo\t"));
  CHECK(contains(predicted.err, "classify: standard input:2: byte 0xFF (offset 1) is not UTF-8"));
}

TEST_CASE("classify: options that do not go together are refused") {
  const TemporaryFolder folder;
  const auto none = run("classify", folder, {"train", "--out", folder / "run"});
  CHECK(none.status == 2);
  CHECK(none.err == "classify: need --text or --series, one of them, to say what to learn\n");
  CHECK(train_on(folder, good, {"--series", folder / "data"}).status == 2);
  CHECK(train_on(folder, good, {"--pool", "first"}).status == 2);
  CHECK(train_on(folder, good, {"--cell", "none"}).status == 2);
  REQUIRE(train_on(folder, good, {"--valid-fraction", "0"}).status == 0);
  CHECK(contains(run("classify", folder, {"eval", "--model", folder / "run"}).err,
                 "the model was trained without validation; name what to classify with --text or --series"));
  write(folder / "series", "a\n1\n");
  CHECK(contains(
      run("classify", folder, {"eval", "--model", folder / "run", "--series", folder / "series"}).err,
      "series: the model reads texts, and these are sequences of vectors"));
  const auto both =
      run("classify", folder,
          {"eval", "--model", folder / "run", "--series", folder / "series", "--text", folder / "data"});
  CHECK(both.status == 2);
  CHECK(both.err == "classify: --text and --series: only one of them can be classified\n");
}

TEST_CASE("classify: resuming with other examples, or with another split, is refused") {
  const TemporaryFolder folder;
  REQUIRE(train_on(folder, good).status == 0);
  const Arguments resume = {"train", "--out", folder / "run", "--resume"};
  CHECK(contains(run("classify", folder, with(resume, {"--split-seed", "7"})).err,
                 "--split-seed 7: the run to be continued has 1"));
  write(folder / "data", "a\tone\nb\ttwo\n");
  CHECK(contains(run("classify", folder, resume).err,
                 "not the text that the run to be continued was trained on"));
  CHECK(contains(run("classify", folder, {"eval", "--model", folder / "run"}).err,
                 "no longer what the model was trained on"));
}

TEST_CASE("classify: the model of another program is refused") {
  const TemporaryFolder folder;
  write(folder / "text", std::string(200, 'a'));
  REQUIRE(run("char_lm", folder,
              {"train", "--text", folder / "text", "--out", folder / "other", "--hidden", "3", "--epochs",
               "1", "--batch", "2", "--threads", "1"})
              .status == 0);
  for (const auto* command : {"eval", "predict"}) {
    const auto outcome = run("classify", folder, {command, "--model", folder / "other"});
    CHECK(outcome.status == 1);
    CHECK_MESSAGE(contains(outcome.err, "char_lm"), outcome.err);
  }
}

TEST_CASE("classify: a model that no memory can hold is refused before anything is made") {
  const TemporaryFolder folder;
  const Outcome outcome = train_on(folder, good, {"--embedding", "1000000000"});
  CHECK(outcome.status == 2);
  CHECK_MESSAGE(contains(outcome.err, "--embedding 1000000000, --layers 1: training needs at least "),
                outcome.err);
  CHECK(!fs::exists(folder / "run"));
}
