#include "char_lm_program.hpp"

using namespace char_lm_test;

TEST_CASE(
    "char_lm: in shards, a run that is resumed equals one that was as long from the beginning, to the bit") {
  const TemporaryFolder folder;
  const std::string text = folder / "text", whole = folder / "whole", parts = folder / "parts";
  write(text, story(2000));
  // five streams are no multiple of three shards; dropout draws masks
  const Arguments options = {"--shards", "3", "--batch", "5"};
  REQUIRE(run(folder, training(text, whole, options)).status == 0);
  REQUIRE(run(folder, with(training(text, parts, options), {"--epochs", "1"})).status == 0);
  const auto resumed = run(folder, {"train", "--out", parts, "--resume", "--epochs", "2"});
  REQUIRE_MESSAGE(resumed.status == 0, resumed.err);
  CHECK(equal(tensors_of(whole, "char_lm"), tensors_of(parts, "char_lm")));
}

TEST_CASE("char_lm: the number of shards stays that of the run") {
  const TemporaryFolder folder;
  const std::string text = folder / "text", out = folder / "out";
  write(text, story(1000));
  REQUIRE(run(folder, training(text, out, {"--shards", "2", "--epochs", "1"})).status == 0);
  const auto outcome = run(folder, {"train", "--out", out, "--resume", "--shards", "3", "--epochs", "2"});
  CHECK(outcome.status == 2);
  CHECK_MESSAGE(contains(outcome.err, "--shards"), outcome.err);
}
