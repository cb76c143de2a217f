#include "classify/naive_bayes.hpp"

#include <algorithm>
#include <cmath>

#include "unroll/autograd/error.hpp"
#include "unroll/data/tokens.hpp"

namespace unroll::classify {

std::vector<std::string> features_of(std::string_view text, Level level) {
  std::vector<std::string> features;
  if (level == Level::word) {
    for (const auto word : split_words(text)) features.emplace_back(word);
    return features;
  }
  std::vector<std::string_view> symbols = split_characters(text);
  symbols.insert(symbols.begin(), "\x02");
  symbols.push_back("\x03");
  constexpr std::size_t longest = 4;
  for (std::size_t begin = 0; begin < symbols.size(); ++begin) {
    std::string gram;
    for (std::size_t k = begin; k < std::min(begin + longest, symbols.size()); ++k)
      features.push_back(gram += symbols[k]);
  }
  return features;
}

NaiveBayes::NaiveBayes(std::int64_t classes, double alpha)
    : alpha_(alpha),
      examples_(static_cast<std::size_t>(classes)),
      features_(static_cast<std::size_t>(classes)) {}

void NaiveBayes::add(const std::vector<std::string>& features, std::int64_t c) {
  const auto k = static_cast<std::size_t>(c);
  ++examples_.at(k);
  for (const auto& feature : features) {
    auto& counts = counts_[feature];
    counts.resize(examples_.size());
    ++counts[k], ++features_[k];
  }
}

std::int64_t NaiveBayes::predict(const std::vector<std::string>& features) const {
  if (counts_.empty()) raise<UsageError>("naive Bayes: nothing was learned; add examples first");
  const double different = static_cast<double>(counts_.size());
  std::vector<double> score(examples_.size());
  for (std::size_t c = 0; c < score.size(); ++c) score[c] = std::log(examples_[c]);  // −∞ without examples
  for (const auto& feature : features)
    if (const auto found = counts_.find(feature); found != counts_.end())
      for (std::size_t c = 0; c < score.size(); ++c)
        score[c] += std::log((found->second[c] + alpha_) / (features_[c] + alpha_ * different));
  return std::max_element(score.begin(), score.end()) - score.begin();
}

}  // namespace unroll::classify
