#pragma once
/// \file The baseline that a recurrent network must beat: naive Bayes, which knows no order.

#include <string>
#include <string_view>
#include <vector>

#include "unroll/data/symbols.hpp"

namespace unroll::classify {

/// What a class is known by: the 1- to 4-grams of a text's characters, between a mark for its beginning and
/// one for its end; or its words.
std::vector<std::string> features_of(std::string_view text, Level level);

/// What:   the class c that is largest in ln P(c) + Σ ln P(f | c) over the features f of a text, with
///         P(f | c) = (n_fc + α) / (n_c + α F); n_fc counts f in class c, n_c all features there, F is the
///         number of different ones. Features that were never seen say nothing.
/// Source: the multinomial model of McCallum and Nigam 1998, with additive smoothing.
class NaiveBayes {
 public:
  NaiveBayes(std::int64_t classes, double alpha);

  void add(const std::vector<std::string>& features, std::int64_t c);
  /// Of classes that are equally probable the first.
  /// Errors: UsageError if nothing was added.
  std::int64_t predict(const std::vector<std::string>& features) const;

 private:
  double alpha_;
  StringMap<std::vector<double>> counts_;    // n_fc
  std::vector<double> examples_, features_;  // of each class; the latter n_c
};

}  // namespace unroll::classify
