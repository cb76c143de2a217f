#include <doctest/doctest.h>

#include <cmath>
#include <string_view>

#include "unroll/autograd/error.hpp"
#include "unroll/data/tokens.hpp"
#include "unroll/train/bleu.hpp"
#include "unroll/train/edit_distance.hpp"
#include "unroll/train/perplexity.hpp"

using namespace unroll;
using namespace std::string_view_literals;

namespace {

Bleu::Sentence words(std::string_view text) {
  const auto parts = split_words(text);
  return {parts.begin(), parts.end()};
}

/// All ways to edit, by the recursion that defines the distance.
std::int64_t slow_distance(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return std::ssize(a) + std::ssize(b);
  const auto replaced = slow_distance(a.substr(1), b.substr(1)) + (a[0] != b[0]);
  return std::min({replaced, slow_distance(a.substr(1), b) + 1, slow_distance(a, b.substr(1)) + 1});
}

}  // namespace

TEST_CASE("edit_distance: equal to the recursion that defines it") {
  CHECK(edit_distance("kitten"sv, "sitting"sv) == 3);
  for (const auto a : {""sv, "a"sv, "ab"sv, "abca"sv, "bbabb"sv, "ccc"sv})
    for (const auto b : {""sv, "b"sv, "ba"sv, "acba"sv, "abbab"sv})
      CHECK(edit_distance(a, b) == slow_distance(a, b));
}

TEST_CASE("edit_distance: of words, numbers and characters") {
  CHECK(edit_distance(words("the cat sat"), words("a cat sat down")) == 2);
  CHECK(edit_distance(std::vector{1, 2, 3}, std::vector{1, 3}) == 1);
  CHECK(edit_distance(split_characters("caf\u00e9"), split_characters("cafe")) == 1);
}

TEST_CASE("exact match: the share of sequences that are equal") {
  ExactMatch match;
  CHECK(match.share() == 0);
  match.add(words("a b"), words("a b"));
  match.add(words("a b"), words("a"));
  match.add(words(""), words(""));
  match.add(words("b a"), words("a b"));
  CHECK(match.share() == 0.5);
}

TEST_CASE("perplexity: of a uniform guess it is the number of choices") {
  // exp and log each round once.
  CHECK(perplexity(10 * std::log(65.0), 10) == doctest::Approx(65).epsilon(1e-13));
  CHECK(bits_per_symbol(10 * std::log(8.0), 10) == doctest::Approx(3).epsilon(1e-14));
  CHECK(perplexity(0, 5) == 1);
  CHECK(std::isinf(perplexity(1e6, 1)));
  CHECK_THROWS_WITH_AS(perplexity(1, 0), "perplexity: need the loss of at least one symbol; got 0",
                       UsageError);
  CHECK_THROWS_AS(bits_per_symbol(1, -1), UsageError);
}

TEST_CASE("bleu: a sentence by hand") {
  Bleu bleu;
  bleu.add(words("the the cat sat on the mat"), words("the cat sat on a mat today ."));
  // the (once of three), cat, sat, on, mat; "the cat", "cat sat", "sat on"; "the cat sat", "cat sat on"; one.
  CHECK(bleu.precision(1) == 5.0 / 7);
  CHECK(bleu.precision(2) == 3.0 / 6);
  CHECK(bleu.precision(3) == 2.0 / 5);
  CHECK(bleu.precision(4) == 1.0 / 4);
  CHECK(bleu.length() == 7);
  CHECK(bleu.reference_length() == 8);
  const double product = 5.0 / 7 * 3.0 / 6 * 2.0 / 5 * 1.0 / 4;
  // Logarithms and a root: a few roundings.
  CHECK(bleu.score() == doctest::Approx(std::exp(1 - 8.0 / 7) * std::pow(product, 0.25)).epsilon(1e-13));
}

TEST_CASE("bleu: counts are summed over the corpus, not scores over sentences") {
  Bleu bleu;
  bleu.add(words("a b c d"), words("a b c d"));
  bleu.add(words("x y"), words("x z"));
  CHECK(bleu.precision(1) == 5.0 / 6);
  CHECK(bleu.precision(2) == 3.0 / 4);
  CHECK(bleu.precision(3) == 1);
  CHECK(bleu.brevity_penalty() == 1);  // as long as the references: exp(0)
  CHECK(bleu.score() == doctest::Approx(std::pow(5.0 / 6 * 3.0 / 4, 0.25)).epsilon(1e-13));  // roundings
}

TEST_CASE("bleu: with several references an n-gram counts as in the one that has it most often") {
  // Example 2 of the paper: of seven times "the", two stand in a reference.
  Bleu bleu;
  const std::vector<Bleu::Sentence> references = {words("the cat is on the mat"),
                                                  words("there is a cat on the mat")};
  bleu.add(words("the the the the the the the"), references);
  CHECK(bleu.precision(1) == 2.0 / 7);
  CHECK(bleu.precision(2) == 0);
  CHECK(bleu.score() == 0);
  CHECK(bleu.reference_length() == 7);
}

TEST_CASE("bleu: of two references equally close in length the shorter one counts") {
  Bleu bleu;
  bleu.add(words("a b c"), std::vector<Bleu::Sentence>{words("a b c d"), words("a b"), words("a")});
  CHECK(bleu.reference_length() == 2);
  CHECK(bleu.brevity_penalty() == 1);
}

TEST_CASE("bleu: a translation is equal to its reference, empty, short or missing") {
  Bleu equal;
  equal.add(words("a b c d e"), words("a b c d e"));
  CHECK(equal.score() == 1);
  Bleu empty;
  CHECK(empty.score() == 0);
  empty.add({}, words("a b c d e"));
  CHECK(empty.brevity_penalty() == 0);
  CHECK(empty.score() == 0);
  Bleu brief;  // it has no n-grams of four words
  brief.add(words("a b c"), words("a b c"));
  CHECK(brief.precision(3) == 1);
  CHECK(brief.score() == 0);
  CHECK_THROWS_WITH_AS(brief.add({}, std::span<const Bleu::Sentence>{}),
                       "bleu: need at least one reference for each translation", UsageError);
  CHECK_THROWS_AS(brief.precision(5), IndexError);
}
