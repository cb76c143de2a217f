#include <nlohmann/json.hpp>

#include "arrays.hpp"
#include "forecast/baselines.hpp"
#include "forecast/least_squares.hpp"
#include "forecast/losses.hpp"
#include "forecast/reading.hpp"
#include "forecast/scores.hpp"
#include "forecast/source.hpp"
#include "program.hpp"

using namespace unroll;
using forecast::Distribution;
using program_test::contains;

TEST_CASE("forecast: least squares finds the weights, the shortest where columns repeat each other") {
  forecast::LeastSquares line(2), twice(2);
  for (const double x : {0., 1., 2., 5.})
    line.add(std::array{1., x}, 3 - 2 * x), twice.add(std::array{x, x}, 4 * x);
  const auto w = line.solve(), shared = twice.solve();
  CHECK(w[0] == doctest::Approx(3));
  CHECK(w[1] == doctest::Approx(-2));
  CHECK(shared[0] == doctest::Approx(2));
  CHECK(shared[1] == doctest::Approx(2));
  CHECK(tests::message_of<UsageError>([] { return forecast::LeastSquares(1).solve(); }) ==
        "least squares: there are no rows");
}

TEST_CASE("forecast: quantiles of a normal distribution, of a mixture and of a list of quantiles") {
  CHECK(forecast::normal_quantile(0.975) == doctest::Approx(1.959964));
  using Normals = std::vector<Distribution::Normal>;
  const Distribution one(Normals{{1, 2, 3}}), two(Normals{{0.5, -1, 0.1}, {0.5, 1, 0.1}});
  CHECK(one.centre() == 2);
  CHECK(one.quantile(0.025) == doctest::Approx(2 - 3 * 1.959964));
  CHECK(two.quantile(0.25) == doctest::Approx(-1));
  CHECK(std::abs(two.centre()) < 1e-12);
  const Distribution list({0.1, 0.5, 0.9}, {-1, 0, 4});
  CHECK(list.centre() == 0);
  CHECK(list.quantile(0.9) == 4);
  CHECK(list.quantile(0.01) == -1);
  CHECK(list.quantile(0.99) == 4);
  CHECK(list.quantile(0.7) == doctest::Approx(4 * 0.524401 / 1.281552));
}

TEST_CASE("forecast: losses equal their formulas") {
  const auto u = Variable<float>::from({1, 1, 1}, {0.5F});
  const auto loss = [&](const char* kind, const std::vector<double>& levels,
                        std::initializer_list<float> numbers) {
    return double{forecast::losses(kind, levels,
                                   Variable<float>::from({1, 1, std::ssize(std::vector(numbers))}, numbers),
                                   u)
                      .item()};
  };
  CHECK(loss("mse", {}, {2}) == doctest::Approx(1.125));
  CHECK(loss("gaussian", {}, {2, 0.5}) == doctest::Approx(0.5 + 1.125 * std::exp(-1.)));
  CHECK(loss("quantiles", {0.1, 0.9}, {0, 1}) == doctest::Approx((0.1 * 0.5 + 0.1 * 0.5) / 2));
  const double p = 1 / (1 + std::exp(-1.));  // of the first
  CHECK(loss("mixture", {}, {1, 0, 0, 1, 0, 0.2F}) ==
        doctest::Approx(-std::log(p * std::exp(-0.125) + (1 - p) * std::exp(-0.2 - 0.125 * std::exp(-0.4)))));
  const auto normals = forecast::normals_of("mixture", std::array{1.F, 0.F, 0.F, 1.F, 0.F, 0.2F});
  CHECK(normals[0].weight == doctest::Approx(p));
  CHECK(normals[1].deviation == doctest::Approx(std::exp(0.2)));
}

TEST_CASE("forecast: a direct autoregression finds the recurrence, and chooses its order on the last fifth") {
  std::vector<double> y{1, 0.5};
  for (std::size_t t = 2; t < 80; ++t)
    y.push_back(0.1 + 1.2 * y[t - 1] - 0.9 * y[t - 2] + 0.01 * std::sin(double(t * t)));
  const auto regression = forecast::Baseline::autoregression(y, 60, 1, 0);
  REQUIRE(regression);
  CHECK(regression->order() >= 2);
  double worst = 0;
  for (std::int64_t t = 60; t < 80; ++t)
    worst = std::max(worst, std::abs(y[static_cast<std::size_t>(t)] - (*regression)(y, t)));
  CHECK(worst < 0.02);  // the noise has 0.01
  CHECK(regression->deviation(y, y, 60) < 0.011);
  CHECK_FALSE(forecast::Baseline::autoregression(y, 3, 1, 2));
  CHECK_FALSE(forecast::Baseline::autoregression(y, 2, 1, 0));
  const auto naive = forecast::Baseline::naive(3);
  CHECK(naive(y, 10) == y[7]);
  const double none = std::nan("");
  CHECK(forecast::filled(std::array{none, 1., none, 2.}) == std::vector<double>{1, 1, 1, 2});
}

TEST_CASE("forecast: figures, and a standard error that knows of neighbours, equal the hand computation") {
  const double none = std::nan("");
  const forecast::Rows rows{{1, 2, 3, 4}, {2, 2, 0, 2}};
  const forecast::Scored a{"a", {1, 1, 3, none}, {0, 1.5, none, 0}, {2, 1.8, none, 9}};
  const auto f = forecast::figures_of(rows, a);
  CHECK(f.count == 3);
  CHECK(f.rmse == doctest::Approx(std::sqrt(1. / 3)));
  CHECK(f.mae == doctest::Approx(1. / 3));
  CHECK(f.mase == doctest::Approx(0.25));
  CHECK(f.covered == doctest::Approx(0.5));
  // d − mean is −1.5, −0.5, 0.5, 1.5: γ₀ = 1.25, γ₁ = 0.3125, and half of the latter counts twice.
  const auto m = forecast::robust_mean(std::array{1., 2., 3., 4.}, 1);
  CHECK(m.mean == 2.5);
  CHECK(m.error == doctest::Approx(std::sqrt((1.25 + 0.3125) / 4)));
}

TEST_CASE("forecast: a comparison names what is better and what cannot be told apart") {
  forecast::Rows rows;
  forecast::Scored own{"forecast", {}, {}, {}}, worse{"worse", {}, {}, {}}, better{"better", {}, {}, {}},
      alike{"alike", {}, {}, {}};
  for (int i = 0; i < 40; ++i) {
    rows.truth.push_back(0), rows.scale.push_back(1);
    const double sign = i % 2 == 0 ? 1 : -1;
    for (auto [method, error] : {std::pair{&own, sign},
                                 {&worse, 2 * sign + 0.1 * (i % 3)},
                                 {&better, 0.5 * sign},
                                 {&alike, i == 7 ? 3. : sign}})
      method->forecasts.push_back(error), method->low.push_back(-1.5), method->high.push_back(1.5);
  }
  const std::string text = forecast::describe(rows, std::array{own, worse, better, alike}, 1, 0.9);
  CHECK_MESSAGE(
      contains(text, "not better than: better\nbetter by less than two standard errors than: alike\n"), text);
  CHECK(contains(forecast::describe(rows, std::array{own, worse}, 1, 0.9), "better than all of these\n"));
}

TEST_CASE("forecast: lists of names are cut at commas outside of quotes") {
  CHECK(forecast::names_in(" a, b c ,,\"d,e\"") == std::vector<std::string>{"a", "b c", "d,e"});
  CHECK(forecast::names_in("").empty());
}

TEST_CASE("forecast: a reading comes back as it was saved, and one with wrong columns is refused") {
  forecast::Reading reading;
  reading.columns = {"y", "x", "kind=a"};
  reading.roles = {.targets = {0}, .past = {1}, .known = {}, .fixed = {2}};
  reading.words = {{"kind", {"a"}}};
  reading.order = 3, reading.end = -5, reading.last = "1949-01";
  nlohmann::ordered_json json;
  reading.to_json(json);
  const auto loaded = forecast::Reading::from_json({json, "f"});
  CHECK(loaded.columns == reading.columns);
  CHECK(loaded.words == reading.words);
  CHECK(loaded.end == -5);
  const auto refused = [&](const char* key, nlohmann::ordered_json value) {
    auto changed = json;
    changed[key] = std::move(value);
    return tests::message_of<DataError>([&] { return forecast::Reading::from_json({changed, "f"}); });
  };
  CHECK(refused("past", {0}) == "f: past[0]: a column has two roles");
  CHECK(refused("targets", nlohmann::ordered_json::array()) == "f: targets: need one column; got 0");
  CHECK(refused("past", {3}).starts_with("f: past[0]: need a whole number"));
}
