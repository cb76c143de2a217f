#include "char_lm/text_traits.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "unroll/autograd/random.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll::char_lm {
namespace {

constexpr std::size_t value_classes = 16, trait_classes = 16, shift_count = 19;

bool is_word_letter(char32_t c) {
  return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z') ||
         (c >= 0xC0 && c != 0xD7 && c != 0xF7 && c < 0x2000);
}
bool is_capital(char32_t c) {
  return (c >= U'A' && c <= U'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9) ||
         (c >= 0x410 && c <= 0x42F);
}

/// Follows a text character by character.
class PlaceInText {
 public:
  void read(char32_t c) {
    const bool letter = is_word_letter(c) || c == U'\'' || c == U'’';
    starts_word_ = is_word_letter(c) && in_word_ == 0;
    capital_ = is_capital(c);
    in_word_ = letter && (in_word_ > 0 || is_word_letter(c)) ? in_word_ + 1 : 0;
    brackets_ += c == U'(' || c == U'[' || c == U'{' ? 1 : c == U')' || c == U']' || c == U'}' ? -1 : 0;
    brackets_ = std::max(brackets_, 0);
    if (c == U'"') quoted_ = !quoted_;
    if (c == U'“' || c == U'«') quoted_ = true;
    if (c == U'”' || c == U'»') quoted_ = false;
    if (c == U'\n') {
      if (column_ == 0) quoted_ = false;  // a paragraph ends what nobody has closed
      column_ = indentation_ = 0, blank_so_far_ = true;
    } else {
      ++column_;
      blank_so_far_ = blank_so_far_ && (c == U' ' || c == U'\t');
      if (blank_so_far_) indentation_ += c == U'\t' ? 4 : 1;
    }
  }

  /// The class of each trait, in the order of traits_of().
  std::array<int, 7> classes() const {
    return {rough(column_),      std::min(in_word_, 12), quoted_ ? 1 : 0, std::min(brackets_, 4),
            rough(indentation_), starts_word_ ? 1 : 0,   capital_ ? 1 : 0};
  }

 private:
  // 0, 1 … 8, and then the more the wider.
  static int rough(int n) {
    if (n <= 8) return n;
    return std::min(8 + (n - 1) / 10, static_cast<int>(trait_classes) - 1);
  }

  int column_ = 0, in_word_ = 0, brackets_ = 0, indentation_ = 0;
  bool quoted_ = false, starts_word_ = false, capital_ = false, blank_so_far_ = true;
};

double entropy_of(std::span<const std::uint8_t> classes) {
  std::array<double, 256> counts{};
  for (const std::uint8_t c : classes) ++counts[c];
  double bits = 0;
  const auto n = static_cast<double>(classes.size());
  for (const double count : counts)
    if (count > 0) bits -= count / n * std::log2(count / n);
  return bits;
}

/// Where the classes of sorted values begin: near equal sizes, between values that differ, so that a value that is rare
/// and far from the others has a class of its own.
std::array<float, value_classes - 1> class_edges(const std::vector<float>& sorted) {
  std::array<float, value_classes - 1> edges{};
  for (std::size_t k = 0; k < edges.size(); ++k) {
    const auto at = sorted.begin() + static_cast<std::ptrdiff_t>((k + 1) * sorted.size() / value_classes);
    const auto [begin, end] = std::equal_range(sorted.begin(), sorted.end(), *at);
    const bool before = begin != sorted.begin() && (at - begin <= end - at || end == sorted.end());
    edges[k] = before || end == sorted.end() ? *at : *end;
  }
  return edges;
}

std::vector<std::uint8_t> ranked(std::span<const float> values) {
  std::vector<float> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  const auto edges = class_edges(sorted);
  std::vector<std::uint8_t> classes(values.size());
  std::ranges::transform(values, classes.begin(), [&](float x) {
    return static_cast<std::uint8_t>(std::ranges::upper_bound(edges, x) - edges.begin());
  });
  return classes;
}

/// In bits; `b` is read from `shift` on, in a circle.
double mutual_information(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b,
                          std::size_t shift) {
  std::array<std::int32_t, value_classes * trait_classes> counts{};
  const std::size_t n = a.size();
  for (std::size_t k = 0; k + shift < n; ++k) ++counts[a[k] * trait_classes + b[k + shift]];
  for (std::size_t k = n - shift; k < n; ++k) ++counts[a[k] * trait_classes + b[k + shift - n]];
  std::array<double, value_classes> of_a{};
  std::array<double, trait_classes> of_b{};
  for (std::size_t k = 0; k < counts.size(); ++k)
    of_a[k / trait_classes] += counts[k], of_b[k % trait_classes] += counts[k];
  double bits = 0;
  for (std::size_t k = 0; k < counts.size(); ++k)
    if (counts[k] > 0)
      bits += counts[k] * std::log2(counts[k] * static_cast<double>(n) /
                                    (of_a[k / trait_classes] * of_b[k % trait_classes]));
  return bits / static_cast<double>(n);
}

/// Distances that leave nothing of what neighbours share: from a tenth of the text to nine tenths.
std::array<std::size_t, shift_count> shifts_of(std::size_t steps) {
  Generator rng(1);
  std::array<std::size_t, shift_count> shifts{};
  for (std::size_t& shift : shifts) shift = steps / 10 + rng.below(std::max<std::size_t>(1, steps * 8 / 10));
  return shifts;
}

}  // namespace

std::vector<Trait> traits_of(const std::vector<std::string>& symbols) {
  std::vector<Trait> traits{{"position in line", "how far the line has come", {}},
                            {"position in word", "how far the word has come; 0 between words", {}},
                            {"quotes", "inside quotation marks", {}},
                            {"brackets", "how many brackets are open", {}},
                            {"indentation", "how far the line is indented", {}},
                            {"word starts", "the first letter of a word", {}},
                            {"capitals", "a capital letter", {}}};
  PlaceInText place;
  for (const std::string& symbol : symbols) {
    for (std::size_t at = 0; at < symbol.size();) {
      const CodePoint c = code_point_at(symbol, at);
      place.read(c.value);
      at += c.length;
    }
    const auto classes = place.classes();
    for (std::size_t k = 0; k < traits.size(); ++k)
      traits[k].classes.push_back(static_cast<std::uint8_t>(classes[k]));
  }
  for (Trait& trait : traits) trait.entropy = entropy_of(trait.classes);
  return traits;
}

Tracking track(const Activity& activity, const Trait& trait) {
  Tracking tracking;
  const auto shifts = shifts_of(static_cast<std::size_t>(activity.steps));
  const double entropy = std::max(trait.entropy, 1e-9);
  for (std::size_t u = 0; u < activity.units.size(); ++u) {
    const auto classes = ranked(activity.of(u));
    double mean = 0, largest = 0;
    for (const std::size_t shift : shifts) {
      const double chance = mutual_information(classes, trait.classes, shift);
      mean += chance / shift_count;
      largest = std::max(largest, chance);
    }
    tracking.shares.push_back(std::max(0.0, mutual_information(classes, trait.classes, 0) - mean) / entropy);
    tracking.floor = std::max(tracking.floor, (largest - mean) / entropy);
  }
  tracking.best.resize(activity.units.size());
  std::iota(tracking.best.begin(), tracking.best.end(), std::size_t{0});
  std::ranges::stable_sort(tracking.best, std::greater{}, [&](std::size_t u) { return tracking.shares[u]; });
  return tracking;
}

}  // namespace unroll::char_lm
