#include <doctest/doctest.h>

#include <cmath>

#include "char_lm/colour_page.hpp"
#include "char_lm_program.hpp"
#include "unroll/autograd/random.hpp"

using namespace unroll;
using namespace unroll::char_lm;

namespace {

std::vector<std::string> by_characters(std::string_view text) {
  std::vector<std::string> symbols;
  for (const char c : text) symbols.emplace_back(1, c);
  return symbols;
}

std::string classes_of(const std::vector<Trait>& traits, std::size_t number) {
  std::string text;
  for (const std::uint8_t c : traits[number].classes)
    text += static_cast<char>(c < 10 ? '0' + c : 'a' + c - 10);
  return text;
}

/// Units that follow the first trait with noise: unit k with share 1 / k of the signal.
Activity made_activity(const Trait& trait, std::int64_t units) {
  Activity activity;
  activity.member = "h";
  activity.steps = std::ssize(trait.classes);
  Generator rng(1);
  for (std::int64_t u = 0; u < units; ++u) {
    activity.units.push_back({1, u + 1});
    for (const std::uint8_t c : trait.classes)
      activity.values.push_back(static_cast<float>(u == 0 ? c : rng.normal()));
  }
  activity.guesses.resize(trait.classes.size());
  return activity;
}

/// A page of a text with one unit.
std::string page_of(const std::vector<std::string>& symbols, const std::string& name) {
  const auto traits = traits_of(symbols);
  ColouredText content{.model = name,
                       .text = name,
                       .summary = name,
                       .symbols = symbols,
                       .names = symbols,
                       .activity = made_activity(traits[0], 1),
                       .traits = {},
                       .tracking = {},
                       .absent = {name},
                       .painted = std::ssize(symbols)};
  return colour_page(content, "0123456789abcdef");
}

std::size_t occurrences(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("colour: traits of a text are those that a reader sees") {
  const auto traits =
      traits_of(by_characters("Ab (c \"d\")\n"
                              "  it's [x]\n"));
  CHECK(classes_of(traits, 0) ==
        "12345678880"
        "12345678880");
  CHECK(classes_of(traits, 1) ==
        "12001001000"
        "00123400100");
  CHECK(classes_of(traits, 2) ==
        "00000011000"
        "00000000000");
  CHECK(classes_of(traits, 3) ==
        "00011111100"
        "00000001100");
  CHECK(classes_of(traits, 4) ==
        "00000000000"
        "12222222220");
  CHECK(classes_of(traits, 5) ==
        "10001001000"
        "00100000100");
  CHECK(classes_of(traits, 6) ==
        "10000000000"
        "00000000000");
}

TEST_CASE("colour: a unit that is the trait tells all of it, and noise tells no more than chance") {
  std::string text;
  Generator rng(5);
  for (int k = 0; k < 300; ++k) text += rng.uniform() < 0.15 ? "Sea\n" : "calm ";
  const auto traits = traits_of(by_characters(text));
  const Trait& trait = traits[6];  // capitals
  const Tracking tracking = track(made_activity(trait, 8), trait);
  CHECK(tracking.best[0] == 0);
  CHECK(tracking.shares[0] > 0.9);
  for (std::size_t u = 1; u < 8; ++u) CHECK(tracking.shares[u] <= tracking.floor);
  CHECK(tracking.floor < 0.2);
}

// What chance gives is subtracted: of few places a tenth.
TEST_CASE("colour: a value that is rare counts, whether it is the largest or the smallest") {
  Trait trait{"rare", "", {}};
  Generator rng(2);
  for (int k = 0; k < 1000; ++k) trait.classes.push_back(rng.uniform() < 0.02 ? 1 : 0);
  trait.entropy = 0.14;
  Activity activity = made_activity(trait, 1);
  CHECK(track(activity, trait).shares[0] > 0.8);
  for (float& x : activity.values) x = -x;
  CHECK(track(activity, trait).shares[0] > 0.8);
}

TEST_CASE("colour: whatever a text holds, the page runs no script but its own") {
  const std::string evil = "</script><script>alert(1)</script>\"'&\xE2\x80\xAE\x01";
  const std::string page = page_of({evil, "\n", "<b>", "\t"}, evil);
  CHECK(occurrences(page, "<script") == 2);  // the data and the page's own
  CHECK(occurrences(page, "alert(1)</script>") == 0);
  CHECK(occurrences(page, "\xE2\x80\xAE") == 0);  // turns the direction of writing
  CHECK(occurrences(page, "script-src 'nonce-0123456789abcdef'") == 1);
  CHECK(occurrences(page, "default-src 'none'") == 1);
  CHECK(occurrences(page, "http://") + occurrences(page, "https://") == 0);
}

TEST_CASE("colour: the program paints a text by the units that were chosen, and names mistakes") {
  using namespace char_lm_test;
  const TemporaryFolder folder;
  const std::string text = folder / "text", run = folder / "run", out = folder / "units.html";
  write(text, story(1500));
  REQUIRE(char_lm_test::run(folder, training(text, run, {"--epochs", "1"})).status == 0);
  const auto colour = [&](const program_test::Arguments& more) {
    return char_lm_test::run(folder, with({"colour", "--model", run, "--text", text, "--out", out}, more));
  };
  const Outcome all = colour({"--length", "200"});
  CHECK(all.status == 0);
  CHECK(contains(all.out, "units       24 (h of the cell lstm)"));
  CHECK(contains(all.out, "position in line"));
  CHECK(contains(read(out), "layer 2, unit 12"));
  CHECK(contains(colour({"--layer", "2", "--state", "c"}).out, "units       12 (c of the cell lstm)"));
  CHECK(!contains(read(out), "layer 1, unit"));
  CHECK(contains(colour({"--layer", "1", "2"}).out, "units       24 "));
  CHECK(contains(colour({"--layer", "3"}).err, "--layer: the model has 2 layers; got 3"));
  CHECK(contains(colour({"--state", "z"}).err, "--state: the cell has no 'z'; its state has: h, c"));
}
