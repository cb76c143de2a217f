#pragma once
/// \file BLEU: how much of the n-grams of translations stands in reference translations.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace unroll {

/// What:   BP · exp(¼ Σₙ ln pₙ), n = 1 … 4, over a whole corpus: pₙ is the share of the n-grams of all
///         translations that stand in a reference of theirs, each at most as often as in the reference that
///         has it most often. BP = 1 where c > r, else exp(1 − r/c); c is the length of all translations, r
///         that of the references, for each sentence the one whose length is closest, the shorter of two.
/// Range:  0 … 1; usually shown times 100. Where a pₙ is 0, or there are no n-grams of some length, it is 0.
/// Words are compared as they are: case and tokenisation are the caller's, and nothing is smoothed.
/// Source: Papineni et al. 2002; the conventions of multi-bleu.perl, to which the result is equal.
class Bleu {
 public:
  /// Its words.
  using Sentence = std::vector<std::string>;

  /// Counts a translation with its references.
  /// Errors: UsageError if there is none.
  void add(const Sentence& translation, std::span<const Sentence> references);
  /// Counts a translation with its only reference.
  void add(const Sentence& translation, const Sentence& reference) { add(translation, {&reference, 1}); }

  /// BLEU, as above.
  double score() const;
  /// pₙ, n = 1 … 4; 0 where there are no n-grams.
  /// Errors: IndexError for another n.
  double precision(int n) const;
  /// BP.
  double brevity_penalty() const;
  /// Words of all translations, and of the references that they are compared with.
  std::int64_t length() const { return length_; }
  /// Of the references that they are compared with.
  std::int64_t reference_length() const { return reference_length_; }

 private:
  std::array<std::int64_t, 4> found_{}, total_{};
  std::int64_t length_ = 0, reference_length_ = 0;
};

}  // namespace unroll
