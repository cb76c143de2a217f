#include <fmt/format.h>

#include "program.hpp"
#include "translate/corpus.hpp"

using namespace program_test;

namespace {

/// Pairs whose words have parts in common.
std::string counted_pairs() {
  std::string text;
  for (const auto* thing : {"apple", "pear", "plum", "cherry"})
    for (const auto* action : {"counting", "eating", "seeing", "hearing"})
      for (const auto* number : {"two", "three", "four"})
        text += fmt::format("i am {} {} {}s .\tje suis {}er {} {}s .\n", action, number, thing, action,
                            number, thing);
  return text;
}

}  // namespace

TEST_CASE("translate: subwords are learned on either side, measured by characters, and written as words") {
  const TemporaryFolder folder;
  write(folder / "pairs", counted_pairs());
  const Arguments common = {
      "train",       "--text", folder / "pairs", "--threads", "1",        "--hidden", "16",
      "--embedding", "8",      "--batch",        "8",         "--epochs", "2",        "--valid-fraction",
      "0.1"};
  const auto train = [&](const char* out, const Arguments& more) {
    return run("translate", folder, with(with(common, {"--out", folder / out}), more));
  };
  const Arguments subwords = {"--level", "bpe", "--vocabulary", "45"};
  const auto outcome = train("model", subwords);
  REQUIRE_MESSAGE(outcome.status == 0, outcome.err);
  CHECK(contains(outcome.out, "45 source subwords and 45 target subwords"));
  const auto eval =
      run("translate", folder, {"eval", "--model", folder / "model", "--text", folder / "pairs"});
  CHECK(contains(eval.out, "nats/subword"));
  CHECK(contains(eval.out, "bits/char"));
  const auto predict = run("translate", folder, {"predict", "--model", folder / "model"},
                           "i am eating two apples .\nx\xC3\xA9\n");
  CHECK(predict.status == 0);
  CHECK(contains(predict.err, "standard input:2: never seen, read as <unknown>: x, \xC3\xA9"));

  REQUIRE(train("parts", with(subwords, {"--epochs", "1"})).status == 0);
  REQUIRE(
      run("translate", folder, {"train", "--out", folder / "parts", "--resume", "--epochs", "2"}).status ==
      0);
  CHECK(equal(tensors_of(folder / "parts", "translate"), tensors_of(folder / "model", "translate")));
  CHECK(contains(train("small", {"--level", "bpe", "--vocabulary", "9"}).err,
                 "--vocabulary 9: byte pairs: need"));
}

TEST_CASE("translate: what subwords spell is the words of a sentence") {
  using namespace unroll::translate;
  const std::vector<unroll::TextPair> pairs = {{"low  lower lowest", "new newer newest", 1},
                                               {"low lower", "new newer", 2}};
  const Reading reading =
      Reading::of(pairs, {.lowercase = true, .level = unroll::Level::subword, .vocabulary = 18});
  const Symbols symbols = reading.symbols("Lowest  low", Side::source);
  CHECK(symbols.unknown == 0);
  CHECK(std::ssize(symbols.ids) < 11);
  CHECK(reading.words_of(symbols.ids, Side::source) == Words{"lowest", "low"});
  CHECK(reading.symbols("q", Side::target).unknown == 1);
}
