#include "unroll/train/classification.hpp"

#include <doctest/doctest.h>

#include "unroll/autograd/error.hpp"

using namespace unroll;

namespace {

/// Three classes, counted by hand:
///            predicted 0  1  2
///     actual 0         5  1  0
///            1         2  3  1
///            2         0  0  4
ConfusionMatrix example() {
  ConfusionMatrix matrix(3);
  const int counts[3][3] = {{5, 1, 0}, {2, 3, 1}, {0, 0, 4}};
  for (int a = 0; a < 3; ++a)
    for (int p = 0; p < 3; ++p)
      for (int k = 0; k < counts[a][p]; ++k) matrix.add(a, p);
  return matrix;
}

const std::vector<std::string> names = {"cat", "d\u00f6g", "bird"};

}  // namespace

TEST_CASE("classification: counts and scores equal those by hand") {
  const ConfusionMatrix m = example();
  CHECK(m.total() == 16);
  CHECK(m.correct() == 12);
  CHECK(m.count(1, 0) == 2);
  CHECK(m.occurrences(1) == 6);
  CHECK(m.predictions(1) == 4);
  CHECK(m.accuracy() == 0.75);
  CHECK(m.precision(0) == 5.0 / 7);
  CHECK(m.recall(0) == 5.0 / 6);
  CHECK(m.f1(0) == 10.0 / 13);
  CHECK(m.precision(2) == 0.8);
  CHECK(m.recall(2) == 1);
  // Sums of three fractions: a few roundings.
  CHECK(*m.macro_precision() == doctest::Approx((5.0 / 7 + 3.0 / 4 + 4.0 / 5) / 3).epsilon(1e-14));
  CHECK(*m.macro_recall() == doctest::Approx((5.0 / 6 + 3.0 / 6 + 1) / 3).epsilon(1e-14));
  CHECK(*m.macro_f1() == doctest::Approx((10.0 / 13 + 6.0 / 10 + 8.0 / 9) / 3).epsilon(1e-14));
}

TEST_CASE("classification: f1 is the harmonic mean of precision and recall") {
  const ConfusionMatrix m = example();
  for (int c = 0; c < 3; ++c)  // a few roundings apart
    CHECK(*m.f1(c) == doctest::Approx(2 / (1 / *m.precision(c) + 1 / *m.recall(c))).epsilon(1e-14));
}

TEST_CASE(
    "classification: what is not defined is nothing, and counts as 0 in a mean over classes that occur") {
  ConfusionMatrix m(4);
  CHECK(!m.accuracy());
  CHECK(!m.macro_recall());
  m.add(0, 0), m.add(1, 0), m.add(0, 2);
  CHECK(!m.precision(1));  // never predicted
  CHECK(m.recall(1) == 0);
  CHECK(m.f1(1) == 0);
  CHECK(!m.recall(2));  // never occurs
  CHECK(m.precision(2) == 0);
  CHECK(!m.f1(3));  // neither
  CHECK(m.macro_precision() == 0.25);
  CHECK(m.macro_recall() == 0.25);
  CHECK(m.macro_f1() == 0.25);  // (2 · 1 / (2 + 2) + 0) / 2
}

TEST_CASE("classification: the confusion matrix as a table") {
  CHECK(confusion_table(example(), names) ==
        "       1 2 3\n"
        "1 cat  5 1 0\n"
        "2 d\u00f6g  2 3 1\n"
        "3 bird 0 0 4\n");
}

TEST_CASE("classification: scores of the classes as a table") {
  CHECK(class_table(example(), names) ==
        "class  precision  recall      F1  examples\n"
        "cat         71.4    83.3    76.9         6\n"
        "d\u00f6g         75.0    50.0    60.0         6\n"
        "bird        80.0   100.0    88.9         4\n"
        "mean        75.5    77.8    75.3        16\n");
  ConfusionMatrix m(3);
  m.add(0, 1);
  CHECK(class_table(m, names) ==
        "class  precision  recall      F1  examples\n"
        "cat            -     0.0     0.0         1\n"
        "d\u00f6g          0.0       -     0.0         0\n"
        "mean         0.0     0.0     0.0         1\n");
}

TEST_CASE("classification: mistakes are named") {
  CHECK_THROWS_WITH_AS(ConfusionMatrix(0), "confusion matrix: need at least one class; got 0", UsageError);
  for (const std::int64_t classes : {std::int64_t{1} << 17, std::int64_t{1} << 32, std::int64_t{1} << 62})
    CHECK_THROWS_AS(ConfusionMatrix{classes}, UsageError);
  ConfusionMatrix m(2);
  CHECK_THROWS_WITH_AS(m.add(0, 2), "confusion matrix: need a class in [0, 2); got 2", IndexError);
  CHECK_THROWS_AS(m.recall(-1), IndexError);
  CHECK_THROWS_WITH_AS(class_table(m, names), "class_table: need a name for each of 2 classes; got 3",
                       UsageError);
}
