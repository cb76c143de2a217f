#pragma once
/// \file How well a classifier classifies.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace unroll {

/// How often an example of each class was taken for one of each class; classes are numbered from 0.
///
/// Undefined values are nothing: the precision of a class that was never predicted, the recall of one that
/// never occurs, F1 of one for which both hold, the accuracy of no examples. A mean over classes is over
/// those that occur, and there an undefined precision counts as 0.
class ConfusionMatrix {
 public:
  /// Errors: UsageError if classes < 1 or > 65,536.
  explicit ConfusionMatrix(std::int64_t classes);

  /// Counts an example.
  /// Errors: IndexError if a class is out of range.
  void add(std::int64_t actual, std::int64_t predicted);

  /// The number of classes.
  std::int64_t classes() const { return classes_; }
  /// Errors of this and the following: IndexError if a class is out of range.
  std::int64_t count(std::int64_t actual, std::int64_t predicted) const;
  std::int64_t occurrences(std::int64_t c) const;  ///< examples that are of class c
  std::int64_t predictions(std::int64_t c) const;  ///< examples that were taken for c
  /// All examples.
  std::int64_t total() const;
  /// Those taken for what they are.
  std::int64_t correct() const;

  /// correct / total.
  std::optional<double> accuracy() const;
  /// Of the examples taken for c, the share that is of it.
  std::optional<double> precision(std::int64_t c) const;
  /// Of the examples of c, the share that was taken for it.
  std::optional<double> recall(std::int64_t c) const;
  /// 2 right / (occurrences + predictions): the harmonic mean of precision and recall.
  std::optional<double> f1(std::int64_t c) const;

  /// Means over the classes that occur.
  std::optional<double> macro_precision() const;
  /// The mean recall.
  std::optional<double> macro_recall() const;
  /// The mean F1.
  std::optional<double> macro_f1() const;

 private:
  using Score = std::optional<double> (ConfusionMatrix::*)(std::int64_t) const;
  std::optional<double> macro(Score score) const;
  std::size_t place(std::int64_t actual, std::int64_t predicted) const;

  std::int64_t classes_;
  std::vector<std::int64_t> counts_;
};

/// The counts as text, a line for each actual class, a column for each predicted one, under its number.
/// Errors: UsageError unless there is a name for each class.
std::string confusion_table(const ConfusionMatrix& matrix, std::span<const std::string> names);

/// Precision, recall, F1 in per cent and occurrences of each class that occurs or was predicted, and their
/// means; `-` where a value is not defined.
/// Errors: as above.
std::string class_table(const ConfusionMatrix& matrix, std::span<const std::string> names);

}  // namespace unroll
