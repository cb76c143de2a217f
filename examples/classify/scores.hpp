#pragma once
/// \file How well a model or the baseline does.

#include "classify/model.hpp"
#include "unroll/train/classification.hpp"

namespace unroll::classify {

/// What came out of classifying examples.
struct Scores {
  double loss;  ///< mean −ln p of the right class, in nats
  ConfusionMatrix matrix;
};

/// Classifies all examples, `batch` at a time, without dropout. There must be one at least.
Scores score(const Classifier& model, std::span<const Example> examples, std::int64_t classes,
             std::int64_t batch);

/// Accuracy, means over the classes, scores of each class and the confusion matrix, for people.
std::string describe(const Scores& scores, std::span<const std::string> classes);

/// Smoothing of the baseline below.
constexpr double naive_bayes_alpha = 0.3;

/// The share that naive Bayes gets right of the examples `valid` after learning from `train`.
double naive_bayes_accuracy(const Source& train, std::span<const std::int64_t> train_which,
                            const Source& valid, std::span<const std::int64_t> valid_which,
                            const Reading& reading);

/// The share of the examples that are of the class that is most frequent in training.
double majority_accuracy(std::span<const Example> train, std::span<const Example> valid);

}  // namespace unroll::classify
