#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "addition/problem.hpp"
#include "program.hpp"
#include "unroll/train/run_folder.hpp"

using namespace program_test;
using namespace unroll::addition;

namespace {

Arguments training(const TemporaryFolder& folder, const std::string& out, const Arguments& more = {}) {
  return with({"train", "--out", folder / out, "--digits", "1", "--hidden", "24", "--batch", "32", "--steps",
               "20", "--tests", "20", "--epochs", "2", "--threads", "1"},
              more);
}

}  // namespace

TEST_CASE("addition: sums become digits and symbols, reversed if asked for") {
  using unroll::Indices;
  const auto plain = Reading{.digits = 2}.batch({{3, 12}, {99, 1}});
  CHECK(std::vector(plain.source.begin(), plain.source.end()) ==
        std::vector<std::int64_t>{3, 9, plus, 9, 1, plus, 2, 1});
  CHECK(std::vector(plain.target.begin(), plain.target.end()) == std::vector<std::int64_t>{1, 1, 5, 0, 0, 0});
  CHECK(std::vector(plain.target_lengths.begin(), plain.target_lengths.end()) ==
        std::vector<std::int64_t>{2, 3});
  const auto reversed = Reading{.digits = 2, .reversed = true}.batch({{3, 12}});
  CHECK(std::vector(reversed.source.begin(), reversed.source.end()) ==
        std::vector<std::int64_t>{2, 1, plus, 3});
}

TEST_CASE("addition: training and test share no sum, and one pair in twenty is held out") {
  unroll::Generator rng(1);
  const Reading reading{.digits = 3};
  for (const Sum& s : reading.practice(500, rng)) CHECK_FALSE(held_out(s));
  for (const Sum& s : reading.tests(100, rng)) CHECK(held_out(s));
  int count = 0;
  for (std::int64_t a = 0; a < 100; ++a)
    for (std::int64_t b = 0; b < 100; ++b) count += held_out({a, b});
  CHECK(std::abs(count - 500) < 110);  // five deviations of √(10000 · 0.05 · 0.95)
}

TEST_CASE("addition: tests are all different, as many as there are, and mostly as long as may be") {
  unroll::Generator rng(2);
  const auto distinct = [](std::vector<Sum> sums) {
    std::sort(sums.begin(), sums.end());
    return std::adjacent_find(sums.begin(), sums.end()) == sums.end();
  };
  const auto few = Reading{.digits = 1}.tests(1000, rng), many = Reading{.digits = 3}.tests(2000, rng);
  CHECK(few.size() == 6);  // of the hundred pairs of digits
  CHECK(distinct(few));
  CHECK(many.size() == 2000);
  CHECK(distinct(many));
  const auto whole =
      std::count_if(many.begin(), many.end(), [](const Sum& s) { return s.a >= 100 && s.b >= 100; });
  CHECK(std::abs(whole - 1620) < 88);  // five deviations of √(2000 · 0.81 · 0.19)
}

TEST_CASE("addition: questions are read with spaces, and nothing else") {
  const Reading reading{.digits = 3};
  CHECK(reading.parse("345+678") == Sum{345, 678});
  CHECK(reading.parse(" 3 + 007 ") == Sum{3, 7});
  for (const char* bad : {"", "+", "1+", "+1", "1-2", "1+2+3", "1234+1", "-1+2", "1+-2", "a+b", "1 2"})
    CHECK_FALSE(reading.parse(bad));
}

TEST_CASE("addition: learns sums of one digit, and answers lines") {
  const TemporaryFolder folder;
  const auto trained = run(
      "addition", folder,
      training(folder, "run",
               {"--epochs", "10", "--steps", "100", "--lr", "0.01", "--lr-decay", "0.9", "--hidden", "32"}));
  REQUIRE_MESSAGE(trained.status == 0, trained.err);
  std::string questions, expected;
  for (int a = 0; a < 10; ++a)
    for (int b = 0; b < 10; ++b) {
      questions += fmt::format("{} + {}\n", a, b);
      expected += fmt::format("{:02}", a + b);
    }
  const auto said = run("addition", folder, {"predict", "--model", folder / "run"}, questions);
  std::istringstream lines(said.out);
  int right = 0, k = 0;
  for (std::string line; std::getline(lines, line); ++k)
    right += fmt::format("{:0>2}", line) == expected.substr(static_cast<std::size_t>(2 * k), 2);
  CHECK(k == 100);
  CHECK(right >= 30);  // who always says the same has 10 at most
  CHECK(said.err.empty());
  CHECK(said.status == 0);
  const auto eval = run("addition", folder, {"eval", "--model", folder / "run", "--tests", "50"});
  CHECK(eval.status == 0);
  CHECK(contains(eval.out, " of 6 that training has not seen)"));
}

TEST_CASE("addition: a line that is no sum is told, has an empty answer, and the next are answered") {
  const TemporaryFolder folder;
  REQUIRE(run("addition", folder, training(folder, "run")).status == 0);
  const Arguments predict = {"predict", "--model", folder / "run"};
  const std::string good = run("addition", folder, predict, "1+2\n3+4\n").out;
  const auto said = run("addition", folder, predict, "1+2\n5\n12+3\n3+4\n");
  const std::size_t second = good.find('\n') + 1;
  CHECK(said.out == good.substr(0, second) + "\n\n" + good.substr(second));
  CHECK(said.err ==
        "addition: standard input:2: need NUMBER+NUMBER of up to 1 digit each\n"
        "addition: standard input:3: need NUMBER+NUMBER of up to 1 digit each\n");
  CHECK(said.status == 1);
}

TEST_CASE("addition: the help says what an epoch is") {
  const TemporaryFolder folder;
  const std::string help = run("addition", folder, {"train", "--help"}).out;
  CHECK(contains(help, "times to learn from --steps batches"));
  CHECK_FALSE(contains(help, "text"));
}

TEST_CASE("addition: a run that diverges names what helps") {
  const TemporaryFolder folder;
  const auto diverged = run(
      "addition", folder, training(folder, "run", {"--optimizer", "sgd", "--lr", "1e38", "--clip", "1e30"}));
  CHECK(diverged.status == 1);
  CHECK_MESSAGE(
      contains(diverged.err, "\n  remedy: a smaller --lr than 1e+38, or a smaller --clip than 1e+30\n"),
      diverged.err);
}

TEST_CASE("addition: errors about the folder name --out") {
  const TemporaryFolder folder;
  write(folder / "file", "");
  for (const char* place : {"file", "file/run"}) {
    const auto refused = run("addition", folder, training(folder, place));
    CHECK(refused.status == 1);
    CHECK_MESSAGE(refused.err.starts_with("addition: --out " + std::string(folder / place) + ": "),
                  refused.err);
  }
  const auto too_long = run("addition", folder, training(folder, std::string(300, 'x')));
  CHECK(too_long.status == 1);
  CHECK_MESSAGE(too_long.err.starts_with("addition: --out "), too_long.err);
  REQUIRE(run("addition", folder, training(folder, "run")).status == 0);
  const unroll::FolderLock lock(folder / "run");
  const auto taken = run("addition", folder, training(folder, "run", {"--overwrite"}));
  CHECK_MESSAGE(taken.err.starts_with("addition: --out " + std::string(folder / "run") + ": another program"),
                taken.err);
}

TEST_CASE("addition: a run that is resumed equals one that was not interrupted, to the bit") {
  const TemporaryFolder folder;
  REQUIRE(run("addition", folder, training(folder, "whole", {"--epochs", "3", "--reversed"})).status == 0);
  REQUIRE(run("addition", folder, training(folder, "parts", {"--epochs", "1", "--reversed"})).status == 0);
  const auto resumed =
      run("addition", folder, {"train", "--out", folder / "parts", "--resume", "--epochs", "3"});
  REQUIRE_MESSAGE(resumed.status == 0, resumed.err);
  CHECK(equal(tensors_of(folder / "parts", "addition"), tensors_of(folder / "whole", "addition")));
}
