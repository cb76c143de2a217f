#include "forecast_data.hpp"

using namespace unroll;
using namespace program_test;
namespace fs = std::filesystem;

namespace {

struct Sales {
  TemporaryFolder folder;
  std::string data = folder / "sales.csv", out = folder / "run";

  explicit Sales(const std::string& table = tests::months(120)) { write(data, table); }
  Outcome train(const program_test::Arguments& more = {}) const {
    return (*this)(tests::forecast_training(data, out, more));
  }
  Outcome operator()(const program_test::Arguments& arguments) const {
    return run("forecast", folder, arguments);
  }
};

/// The lines of a text.
std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace

TEST_CASE("forecast: it learns, measures what was held back, and forecasts what comes next") {
  const Sales sales;
  const auto trained = sales.train({"--holdout", "24"});
  REQUIRE_MESSAGE(trained.status == 0, trained.err);
  CHECK(contains(trained.out, "1 series, 120 rows, a row each 1 month\n"));
  CHECK(contains(trained.out, "held back   2008-01 to 2009-12 (24 rows), for eval\n"));
  CHECK(contains(trained.out, "linear part autoregression of order 13"));

  const auto measured = sales({"eval", "--model", sales.out});
  REQUIRE_MESSAGE(measured.status == 0, measured.err);
  CHECK(contains(measured.out, "1 step ahead: 24 values, 2008-01 to 2009-12\n"));
  CHECK(contains(measured.out, "3 steps ahead: 24 values, 2008-01 to 2009-12\n"));
  for (const auto* method :
       {"forecast ", "its linear part ", "last value ", "seasonal naive, 12 rows ", "autoregression, order "})
    CHECK_MESSAGE(contains(measured.out, method), measured.out);

  const auto next = sales({"predict", "--model", sales.out});
  REQUIRE_MESSAGE(next.status == 0, next.err);
  const auto lines = split_lines(next.out);
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "origin,step,time,forecast,low,high,truth");
  CHECK(lines[1].starts_with("2009-12,1,2010-01,2"));
  CHECK(lines[3].starts_with("2009-12,3,2010-03,2"));
  CHECK(lines[3].ends_with(","));  // nobody knows the truth
}

TEST_CASE("forecast: each loss and linear part trains, and its interval holds its centre") {
  const Sales sales;
  for (const auto& options :
       std::vector<program_test::Arguments>{{"--loss", "mse", "--linear", "none", "--cell", "lstm"},
                                            {"--loss", "quantiles", "--linear", "last", "--scale", "log"},
                                            {"--loss", "mixture", "--ensemble", "2"}}) {
    const auto trained = sales.train(options);
    REQUIRE_MESSAGE(trained.status == 0, trained.err);
    const auto next = sales({"predict", "--model", sales.out});
    REQUIRE_MESSAGE(next.status == 0, next.err);
    double forecast = 0, low = 0, high = 0;
    REQUIRE(std::sscanf(split_lines(next.out)[1].c_str(), "2009-12,1,2010-01,%lf,%lf,%lf,", &forecast, &low,
                        &high) == 3);
    CHECK(low < forecast);
    CHECK(forecast < high);
  }
}

TEST_CASE(
    "forecast: rolling forecasts come from every origin, with what came true, and eval measures the same") {
  const Sales sales;
  REQUIRE(sales.train({"--holdout", "24"}).status == 0);
  const std::string file = sales.folder / "rolling.csv";
  const auto rolled = sales({"predict", "--model", sales.out, "--from", "2009-01", "--out", file});
  REQUIRE_MESSAGE(rolled.status == 0, rolled.err);
  CHECK(contains(rolled.out, "rolling.csv: forecasts from 14 origins\n"));  // two of which see no row of 2009
  double squares = 0;
  int count = 0;
  for (const auto& line : split_lines(read(file))) {
    int year = 0, month = 0, to_year = 0, to_month = 0;
    double forecast = 0, low = 0, high = 0, truth = 0;
    if (std::sscanf(line.c_str(), "%d-%d,1,%d-%d,%lf,%lf,%lf,%lf", &year, &month, &to_year, &to_month,
                    &forecast, &low, &high, &truth) == 8 &&
        to_year == 2009)
      squares += (forecast - truth) * (forecast - truth), ++count;
  }
  CHECK(count == 12);
  const auto measured = sales({"eval", "--model", sales.out, "--from", "2009-01", "--steps", "1"});
  const std::string rmse = fmt::format("{:.4f}", std::sqrt(squares / count));
  CHECK_MESSAGE(contains(measured.out, rmse.substr(0, rmse.size() - 2)),
                measured.out);  // the file has six digits
}

TEST_CASE("forecast: nothing behind the part that trains has an influence on the model") {
  const Sales sales;
  std::string changed = tests::months(96);
  for (int t = 96; t < 120; ++t)
    changed += fmt::format("{}-{:02},{}\n", 2000 + t / 12, 1 + t % 12, 7 * t % 31);
  const Sales other(changed);
  for (const Sales* run : {&sales, &other})
    REQUIRE(run->train({"--holdout", "24", "--valid-fraction", "0"}).status == 0);
  CHECK(equal(tensors_of(sales.out, "forecast"), tensors_of(other.out, "forecast")));
}

TEST_CASE("forecast: a run that is stopped by its time and resumed has the weights of one that was not") {
  const Sales sales, other;
  REQUIRE(sales.train().status == 0);
  REQUIRE(other.train({"--time-limit", "1e-9"}).status == 0);
  const auto resumed = other({"train", "--out", other.out, "--resume", "--time-limit", "0"});
  REQUIRE_MESSAGE(resumed.status == 0, resumed.err);
  CHECK(contains(resumed.out, "going on after step 1\n"));
  CHECK(equal(tensors_of(sales.out, "forecast"), tensors_of(other.out, "forecast")));
}

TEST_CASE("forecast: --init begins with the networks of another run, and fits the rest on its own series") {
  const Sales sales;
  REQUIRE(sales.train({"--cell", "lstm"}).status == 0);
  const std::string larger = sales.folder / "larger.csv", out = sales.folder / "more";
  std::string table = tests::months(100);
  for (std::size_t at = 0; (at = table.find(",", at + 1)) != table.npos && at < table.size() - 1;)
    if (std::isdigit(table[at + 1])) table.insert(at + 1, "1");  // 1100 and the like
  write(larger, table);
  const auto begun = [&](const program_test::Arguments& more) {
    return sales(with({"train", "--data", larger, "--out", out, "--init", sales.out, "--window", "12",
                       "--order", "13", "--epochs", "1", "--lr", "1e-9", "--threads", "1", "--overwrite"},
                      more));
  };
  const auto outcome = begun({});
  REQUIRE_MESSAGE(outcome.status == 0, outcome.err);
  CHECK(contains(outcome.out, "beginning with the model of "));
  const auto old = tensors_of(sales.out, "forecast", "best.safetensors"), now = tensors_of(out, "forecast");
  for (const auto& [name, tensor] : old) {
    if (!name.starts_with("model.networks.") || name.ends_with("key")) continue;
    const auto before = old.get<float>(name), after = now.get<float>(name);
    CHECK(before[0] != 0);  // where a readout begins
    for (std::size_t k = 0; k < before.size(); ++k)
      CHECK(std::abs(after[k] - before[k]) < 1e-6F);  // an epoch of a few steps of 1e-9
  }
  CHECK(old.get<float>("model.columns.scaling") != now.get<float>("model.columns.scaling"));
  CHECK(contains(begun({"--horizon", "4"}).err,
                 "--horizon 4: the model of --init has 3; leave the option out"));
  CHECK(contains(begun({"--calendar", "month"}).err, "--init: its networks take other inputs"));
  CHECK(contains(begun({"--grow-vocabulary"}).err, "--grow-vocabulary: a forecast has no vocabulary"));
}

TEST_CASE("forecast: rows that the file lacks are missing, told, and neither learned nor measured") {
  const Sales sales(tests::months(120, [](int t) { return t == 40 || t == 41 || t == 110; }));
  const auto trained = sales.train({"--holdout", "24"});
  REQUIRE_MESSAGE(trained.status == 0, trained.err);
  CHECK_MESSAGE(
      contains(trained.out, "note: rows that the file lacks count as missing: 2 gaps, 3 rows: 2003-05"),
      trained.out);
  const auto measured = sales({"eval", "--model", sales.out});
  CHECK_MESSAGE(contains(measured.out, "1 step ahead: 23 values, "), measured.out);
}

TEST_CASE("forecast: several series with words, the calendar, and inputs of all three kinds") {
  std::string table = "shop,month,sales,price,visitors,kind\n";
  for (const auto* shop : {"north, old", "south"})
    for (int t = 0; t < 63; ++t)
      table +=
          fmt::format("\"{}\",{}-{:02},{},{},{},{}\n", shop, 2000 + t / 12, 1 + t % 12,
                      t < 60 ? fmt::format("{:.3f}", 50 + 5 * (t % 3) + tests::noise_of(t)) : "", 3 - t % 3,
                      t < 60 ? fmt::format("{}", 10 + t % 3) : "", shop[0] == 'n' ? "large" : "small");
  const Sales sales(table);
  const auto trained =
      sales.train({"--target", "sales", "--series", "shop", "--known-ahead", "price", "--past-only",
                   "visitors", "--static", "kind", "--calendar", "month", "--holdout", "6", "--order", "2"});
  REQUIRE_MESSAGE(trained.status == 0, trained.err);
  CHECK_MESSAGE(
      contains(trained.out,
               "sales; known in the past only: visitors; known ahead: price, month.sin, month.cos; of a "
               "series: kind=large, kind=small; 1 to 3 steps ahead"),
      trained.out);
  const auto measured = sales({"eval", "--model", sales.out});
  CHECK_MESSAGE(contains(measured.out, "1 step ahead: 12 values, 2004-07 to 2004-12"), measured.out);
  const auto next = sales({"predict", "--model", sales.out});
  REQUIRE_MESSAGE(next.status == 0, next.err);
  CHECK(split_lines(next.out)[1].starts_with("\"north, old\",2004-12,1,2005-01,"));
  CHECK(split_lines(next.out)[4].starts_with("south,2004-12,1,2005-01,"));
  const std::string picture = sales.folder / "south.svg";
  REQUIRE(sales({"plot", "--model", sales.out, "--series", "south", "--out", picture}).status == 0);
  CHECK(contains(read(picture), ">south<"));
}

TEST_CASE("forecast: the plot shows truth, forecast and interval, of the end too") {
  const Sales sales;
  const std::string picture = sales.folder / "plot.svg";
  REQUIRE(sales.train({"--holdout", "24"}).status == 0);
  REQUIRE(sales({"plot", "--model", sales.out, "--out", picture}).status == 0);
  for (const auto* part : {"1 step ahead", "3 steps ahead", "truth", "forecast", "90 % interval"})
    CHECK(contains(read(picture), part));
  REQUIRE(sales.train().status == 0);
  const auto drawn = sales({"plot", "--model", sales.out, "--out", picture, "--rows", "30"});
  REQUIRE_MESSAGE(drawn.status == 0, drawn.err);
  CHECK(contains(read(picture), "last value"));
}

TEST_CASE("forecast: validate trains on rolling origins and writes nothing") {
  const Sales sales;
  const auto outcome = sales({"validate", "--data", sales.data, "--horizon", "2", "--order", "2", "--epochs",
                              "1", "--hidden", "3", "--rows", "12", "--holdout", "24", "--threads", "1"});
  REQUIRE_MESSAGE(outcome.status == 0, outcome.err);
  CHECK_MESSAGE(contains(outcome.out, "fold 1 of 3\n  1 step ahead, 2005-01 to 2005-12: RMSE "), outcome.out);
  CHECK_MESSAGE(contains(outcome.out, "fold 3 of 3\n  1 step ahead, 2007-01 to 2007-12: RMSE "), outcome.out);
  CHECK(contains(outcome.out, "mean of the folds\n  1 step ahead: RMSE "));
  CHECK(std::distance(fs::directory_iterator(sales.folder.path), {}) <= 4);  // the table and the streams
}
