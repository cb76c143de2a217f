#include "unroll/data/scaling.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "arrays.hpp"

using namespace unroll;

namespace {

TimeSeriesSet scaling_set() {
  return time_series(parse_csv("t,a,b,c\n2020-01,1,1,7\n2020-02,3,,7\n2020-03,100,9,8\n", "f"));
}
const std::vector<RowRange> first_two{{0, 2}};

}  // namespace

TEST_CASE("scaling: it is fitted on the training part alone, and undone") {
  TimeSeriesSet set = scaling_set();
  const auto fitted =
      fit_scaling(set, first_two, std::vector{ScalingKind::standard, ScalingKind::log, ScalingKind::min_max});
  CHECK(fitted[0].shift == 2);
  CHECK(fitted[0].scale == 1);
  CHECK(fitted[1].scale == 1);  // one value alone
  CHECK(fitted[2].shift == 7);  // that does not change
  for (const double x : {0.5, 2.0, 99.0})
    for (const ScalingKind kind : {ScalingKind::none, ScalingKind::standard, ScalingKind::min_max,
                                   ScalingKind::log, ScalingKind::log1p}) {
      const ColumnScaling s{kind, 0.3, 2.5};
      CHECK(s.invert(s.apply(x)) == doctest::Approx(x));
      CHECK(s.slope(x) == doctest::Approx((s.apply(x + 1e-6) - s.apply(x - 1e-6)) / 2e-6));
      CHECK(scaling_named(name_of(kind)) == kind);
    }
  apply_scaling(set, fitted);
  CHECK(set.value(0, 2, 0) == 98);
  CHECK(std::isnan(set.value(0, 1, 1)));
  CHECK(set.value(0, 2, 2) == 1);
}

TEST_CASE("scaling: a value without a logarithm, and a column without values, are named") {
  TimeSeriesSet set = time_series(parse_csv("a,b\n1,\n0,\n-3,2\n", "f"));
  const auto fit = [&](ScalingKind a, ScalingKind b) {
    return fit_scaling(set, first_two, std::vector{a, b});
  };
  const auto problem = [&](auto f) { return tests::message_of<DataError>(f); };
  CHECK(problem([&] { fit(ScalingKind::log, ScalingKind::none); }) == "f:3: column 'a': 0 has no finite log");
  CHECK(problem([&] { fit(ScalingKind::none, ScalingKind::standard); }) ==
        "f: column 'b' has no value in the training part; fit_scaling needs one");
  const auto log1p = fit(ScalingKind::log1p, ScalingKind::none);
  CHECK(problem([&] { apply_scaling(set, log1p); }) == "f:4: column 'a': -3 has no finite log1p");
  CHECK(set.value(0, 0, 0) == 1);
  CHECK(problem([&] {
          apply_scaling(set, std::vector<ColumnScaling>{{ScalingKind::standard, 0, 1e-309}, {}});
        }) == "f:2: column 'a': 1 is too large to be scaled");
  CHECK(problem([] { scaling_named("z"); }) ==
        "scaling: need one of none, standard, min-max, log, log1p; got 'z'");
  CHECK(problem([] { fill_rule_named("z"); }) == "fill rule: need 'last' or 'mean'; got 'z'");
  CHECK_THROWS_WITH_AS(fit_scaling(set, {}, std::vector{ScalingKind::none}),
                       "fit_scaling: need a range for each of 1 series; got 0", UsageError);
  CHECK_THROWS_WITH_AS(fit_scaling(set, first_two, {}),
                       "fit_scaling: need a kind for each of 2 columns; got 0", UsageError);
  CHECK_THROWS_WITH_AS(fit_scaling(set, std::vector<RowRange>{{0, 4}}, std::vector(2, ScalingKind::none)),
                       "fit_scaling: series 0 has rows 0 to 3; got the range 0 to 4", UsageError);
  CHECK_THROWS_WITH_AS(apply_scaling(set, {}), "apply_scaling: need a scaling for each of 2 columns; got 0",
                       UsageError);
}

TEST_CASE("filling: the mean is that of the training part, and what has missing values has an indicator") {
  const auto filling = fit_filling(scaling_set(), first_two, FillRule::mean, std::vector<std::int64_t>{2});
  CHECK(filling[0].mean == 2);
  CHECK_FALSE(filling[0].indicator);
  CHECK(filling[1].indicator);
  CHECK(filling[2].indicator);
  CHECK(fill_rule_named(name_of(FillRule::last)) == FillRule::last);
  CHECK(fill_rule_named("mean") == FillRule::mean);
  CHECK_THROWS_WITH_AS(fit_filling(scaling_set(), first_two, FillRule::mean, std::vector<std::int64_t>{3}),
                       "fit_filling: there are 3 columns; got number 3", UsageError);
}
