#pragma once
/// \file How far sequences are from those that were wanted.

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <ranges>
#include <utility>
#include <vector>

namespace unroll {

/// What:   the smallest number of insertions, deletions and replacements of single elements that make `a`
///         out of `b`. Of words, characters (split_characters) or numbers.
/// Cost:   |a| · |b| comparisons.
/// Source: Levenshtein 1966; Wagner and Fischer 1974.
template <std::ranges::random_access_range A, std::ranges::random_access_range B>
std::int64_t edit_distance(const A& a, const B& b) {
  const auto n = std::ranges::ssize(b);
  std::vector<std::int64_t> row(static_cast<std::size_t>(n) + 1);  // distances of b's beginnings from a's
  std::iota(row.begin(), row.end(), 0);
  for (const auto& element : a) {
    std::int64_t diagonal = row[0]++;
    for (std::size_t j = 1; j < row.size(); ++j) {
      const bool equal = element == b[j - 1];
      const auto best = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (equal ? 0 : 1)});
      diagonal = std::exchange(row[j], best);
    }
  }
  return row.back();
}

/// What:   the share of sequences that are equal to what was wanted, element by element.
struct ExactMatch {
  std::int64_t equal = 0, total = 0;  ///< sequences

  /// Counts one that was given and what was wanted.
  void add(const std::ranges::random_access_range auto& given,
           const std::ranges::random_access_range auto& wanted) {
    equal += std::ranges::equal(given, wanted);
    ++total;
  }
  /// 0 where nothing was added.
  double share() const { return total == 0 ? 0 : static_cast<double>(equal) / static_cast<double>(total); }
};

}  // namespace unroll
