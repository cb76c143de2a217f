#include "forecast_data.hpp"

using namespace unroll;
using namespace program_test;
namespace fs = std::filesystem;

namespace {

struct Attempt {
  TemporaryFolder folder;
  std::string data = folder / "t.csv", out = folder / "run";

  explicit Attempt(const std::string& table = tests::months(60)) { write(data, table); }
  Outcome train(const program_test::Arguments& more = {}) const {
    return run("forecast", folder, tests::forecast_training(data, out, with({"--order", "2"}, more)));
  }
  /// The message of a run that fails before it has made its folder, without the folder of the data.
  std::string complaint(const program_test::Arguments& more = {}) const {
    const Outcome outcome = train(more);
    CHECK(outcome.status != 0);
    CHECK(!fs::exists(out));
    return shortened(outcome.err);
  }
  /// The message of another command.
  std::string refusal(const std::string& command, const program_test::Arguments& more = {}) const {
    const Outcome outcome = run("forecast", folder, with({command, "--model", out}, more));
    CHECK(outcome.status != 0);
    CHECK(outcome.out == "");
    return shortened(outcome.err);
  }
  std::string shortened(std::string text) const {
    const std::string path = folder.path.string() + "/";
    for (std::size_t at; (at = text.find(path)) != std::string::npos;) text.erase(at, path.size());
    return text;
  }
};

}  // namespace

TEST_CASE("forecast: what is no number is refused with file, line and column, before there is a folder") {
  CHECK(contains(Attempt("month,y\n2000-01,1\n2000-02,nan\n2000-03,2\n").complaint(), "t.csv:3:9: "));
  CHECK(contains(Attempt("month,y\n2000-01,1\n2000-02,inf\n2000-03,2\n").complaint(), "t.csv:3:9: "));
  CHECK(contains(Attempt("month,y\n2000-01,1\n2000-13,3\n2000-03,2\n").complaint(), "t.csv:3:1: "));
  CHECK(contains(Attempt("month,y\n2000-02,1\n2000-01,3\n").complaint(), "t.csv:3"));
}

TEST_CASE("forecast: options that do not go together are refused") {
  const Attempt attempt("month,a,b\n2000-01,1,2\n2000-02,3,4\n");
  CHECK(attempt.complaint() ==
        "forecast: --target: need the column to forecast; t.csv has several of numbers: a, b\n");
  CHECK(attempt.complaint({"--known-ahead", "a,b"}) ==
        "forecast: --target: need the column to forecast; t.csv has none of numbers that is not an input\n");
  CHECK(
      attempt.complaint({"--target", "a", "--past-only", "a"}) ==
      "forecast: --target, --time, --series, --past-only, --known-ahead and --static: 'a' is named twice\n");
  CHECK(contains(attempt.complaint({"--target", "a", "--static", "c"}), "'c'"));
  CHECK(contains(attempt.complaint({"--target", "a", "--calendar", "moon"}), "moon"));
  CHECK(contains(attempt.complaint({"--target", "a", "--holdout", "2"}),
                 "--holdout 2: t.csv has 2 with a target; nothing would be left to learn from\n"));
  const Outcome none = run("forecast", attempt.folder, {"train", "--out", attempt.out});
  CHECK(none.status == 2);
  CHECK(none.err == "forecast: need --data, a table, to say what to learn\n");
}

TEST_CASE("forecast: too few rows for an autoregression are told") {
  CHECK(contains(Attempt(tests::months(12)).complaint({"--order", "6", "--valid-fraction", "0"}),
                 "forecast: --linear ar, --order 6: need more than 7 values to learn from 1 step ahead; "
                 "there are 6\n"));
}

TEST_CASE("forecast: a past that is longer than the window or the data is told") {
  CHECK(Attempt().complaint({"--shortest", "13"}) ==
        "forecast: --shortest 13: the network sees no more than --window 12\n");
  CHECK(
      contains(Attempt().complaint({"--linear", "none", "--window", "60", "--shortest", "60"}),
               "forecast: no row to learn from has 60 rows before it, as --shortest and --order ask for\n"));
}

TEST_CASE("forecast: a model that no memory can hold is refused before anything is made") {
  CHECK(contains(Attempt().complaint({"--hidden", "1000000"}),
                 "--hidden 1000000, --layers 1, --horizon 3, --ensemble 1: training "
                 "needs at least "));
}

TEST_CASE("forecast: what a trained model cannot do is refused") {
  const Attempt attempt;
  REQUIRE(attempt.train({"--loss", "quantiles"}).status == 0);
  CHECK(attempt.refusal("eval") ==
        "forecast: t.csv: no target follows 2004-12, the last that the run learned from: train with "
        "--holdout, or name other "
        "--data\n");
  CHECK(contains(attempt.refusal("eval", {"--from", "2004-14"}), "forecast: --from 2004-14: "));
  CHECK(attempt.refusal("eval", {"--from", "2005-02"}) ==
        "forecast: --from 2005-02: t.csv has no target from there on\n");
  CHECK(attempt.refusal("eval", {"--steps", "4"}) ==
        "forecast: --steps 4: the model forecasts 1 to 3 steps ahead\n");
  CHECK(attempt.refusal("predict", {"--level", "0.95"}) ==
        "forecast: --level 0.95: the model knows the quantiles from 0.05 to 0.95 only\n");
  CHECK(attempt.refusal("plot", {"--out", attempt.folder / "p.svg", "--series", "x"}) ==
        "forecast: --series: t.csv has no series 'x'\n");
  CHECK(contains(
      run("forecast", attempt.folder, {"train", "--out", attempt.out, "--resume", "--epochs", "4"}).err,
      "--epochs 4: the run to be continued has 3, over which the learning rate falls to 0"));
}

TEST_CASE("forecast: data that are not those of the run are refused unless they are named") {
  const Attempt attempt;
  REQUIRE(attempt.train().status == 0);
  write(attempt.folder / "short.csv", "month,sales\n2005-01,7\n");
  CHECK(contains(attempt.refusal("predict", {"--data", attempt.folder / "short.csv"}),
                 "1 row before the forecast; the model "
                 "needs 2\n"));
  write(attempt.folder / "other.csv", "month,price\n2005-01,7\n2005-02,8\n");
  CHECK(contains(attempt.refusal("predict", {"--data", attempt.folder / "other.csv"}),
                 "other.csv: its columns are not those that the model was trained with\n"));
  write(attempt.data, tests::months(61));
  CHECK(attempt.refusal("predict") ==
        "forecast: t.csv: no longer what the model was trained on; name the data with --data\n");
  const Outcome named =
      run("forecast", attempt.folder, {"eval", "--model", attempt.out, "--data", attempt.data});
  CHECK_MESSAGE(contains(named.out, "1 step ahead: 1 value, 2005-01 to 2005-01\n"), named.err);
  CHECK(contains(run("forecast", attempt.folder, {"train", "--out", attempt.out, "--resume"}).err,
                 "not the text that the run to be continued was trained on; name that one with --data"));
}

TEST_CASE(
    "forecast: a forecast whose inputs known ahead are missing is refused, and rows are numbers without "
    "times") {
  std::string table = "y,price\n";
  for (int t = 0; t < 40; ++t) table += fmt::format("{},{}\n", t % 4, t % 5);
  const Attempt attempt(table);
  REQUIRE(attempt.train({"--target", "y", "--known-ahead", "price"}).status == 0);
  CHECK(attempt.refusal("predict") ==
        "forecast: t.csv: the forecast needs 'price', which is known ahead, of 40; add it to the file, in "
        "rows without a "
        "target\n");
  CHECK(attempt.refusal("eval", {"--from", "soon"}) ==
        "forecast: --from soon: need the number of a row, from 0: t.csv has no times\n");
  write(attempt.folder / "more.csv", table + ",1\n,2\n,3\n");
  const Outcome next = run("forecast", attempt.folder,
                           {"predict", "--model", attempt.out, "--data", attempt.folder / "more.csv"});
  CHECK_MESSAGE(contains(next.out, "39,1,40,"), next.err);
}
