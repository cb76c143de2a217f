#include "unroll/train/bleu.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "unroll/autograd/error.hpp"

namespace unroll {
namespace {

using Counts =
    std::map<std::span<const std::string>, std::int64_t, decltype([](const auto& a, const auto& b) {
               return std::ranges::lexicographical_compare(a, b);
             })>;

/// How often each n-gram stands in a sentence.
/// Lifetime: they point into it.
Counts ngrams(const Bleu::Sentence& sentence, std::size_t n) {
  Counts counts;
  for (std::size_t at = 0; at + n <= sentence.size(); ++at) ++counts[std::span(sentence).subspan(at, n)];
  return counts;
}

std::int64_t closest_length(std::int64_t length, std::span<const Bleu::Sentence> references) {
  const auto rank = [&](const Bleu::Sentence& reference) {
    return std::pair(std::abs(std::ssize(reference) - length), std::ssize(reference));
  };
  return std::ssize(*std::ranges::min_element(references, {}, rank));
}

}  // namespace

void Bleu::add(const Sentence& translation, std::span<const Sentence> references) {
  if (references.empty()) raise<UsageError>("bleu: need at least one reference for each translation");
  length_ += std::ssize(translation);
  reference_length_ += closest_length(std::ssize(translation), references);
  for (std::size_t n = 1; n <= total_.size(); ++n) {
    Counts most;
    for (const auto& reference : references)
      for (const auto& [gram, count] : ngrams(reference, n)) most[gram] = std::max(most[gram], count);
    for (const auto& [gram, count] : ngrams(translation, n)) {
      total_[n - 1] += count;
      if (const auto at = most.find(gram); at != most.end()) found_[n - 1] += std::min(count, at->second);
    }
  }
}

double Bleu::precision(int n) const {
  if (n < 1 || n > std::ssize(total_)) raise<IndexError>("bleu: need n in 1 … 4; got {}", n);
  const auto k = static_cast<std::size_t>(n - 1);
  return total_[k] == 0 ? 0 : static_cast<double>(found_[k]) / static_cast<double>(total_[k]);
}

double Bleu::brevity_penalty() const {
  if (length_ == 0) return 0;
  if (length_ > reference_length_) return 1;
  return std::exp(1 - static_cast<double>(reference_length_) / static_cast<double>(length_));
}

double Bleu::score() const {
  double logs = 0;
  for (int n = 1; n <= 4; ++n) logs += std::log(precision(n)) / 4;  // ln 0 = −∞ makes the score 0
  return brevity_penalty() * std::exp(logs);
}

}  // namespace unroll
