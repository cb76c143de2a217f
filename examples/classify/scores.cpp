#include "classify/scores.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "classify/naive_bayes.hpp"
#include "unroll/autograd/extremes.hpp"
#include "unroll/train/progress.hpp"

namespace unroll::classify {

Scores score(const Classifier& model, std::span<const Example> examples, std::int64_t classes,
             std::int64_t batch) {
  Scores scores{0, ConfusionMatrix(classes)};
  std::vector<std::int64_t> order(examples.size());
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t first = 0; first < order.size(); first += static_cast<std::size_t>(batch)) {
    const std::size_t count = std::min(order.size() - first, static_cast<std::size_t>(batch));
    const Batch part = batch_of(examples, std::span(order).subspan(first, count));
    const Variable<float> p = log_probabilities(model, part);
    const Indices best = argmax(p, 1);
    for (index_t b = 0; b < part.labels.size(); ++b) {
      scores.matrix.add(part.labels[b], best[b]);
      scores.loss -= double{p.data()[b * classes + part.labels[b]]} / static_cast<double>(order.size());
    }
  }
  return scores;
}

std::string describe(const Scores& scores, std::span<const std::string> classes) {
  const auto percent = [](std::optional<double> share) { return 100 * share.value_or(0); };
  const ConfusionMatrix& m = scores.matrix;
  return fmt::format(
      "\n{}\nrows: the true class; columns: the predicted one, by its number\n{}\n"
      "examples      {}\nloss          {:.4f} nats\naccuracy      {:.2f} %\nmacro recall  {:.2f} %\n",
      class_table(m, classes), confusion_table(m, classes), grouped(m.total()), scores.loss,
      percent(m.accuracy()), percent(m.macro_recall()));
}

double naive_bayes_accuracy(const Source& train, std::span<const std::int64_t> train_which,
                            const Source& valid, std::span<const std::int64_t> valid_which,
                            const Reading& reading) {
  NaiveBayes bayes(reading.class_count(), naive_bayes_alpha);
  const auto text = [](const Source& source, std::int64_t i) -> const LabelledText& {
    return source.texts[static_cast<std::size_t>(i)];
  };
  const auto& classes = reading.classes;
  for (const auto i : train_which)
    bayes.add(features_of(text(train, i).text, reading.level),
              std::lower_bound(classes.begin(), classes.end(), text(train, i).label) - classes.begin());
  std::int64_t right = 0;
  for (const auto i : valid_which) {
    const auto guess = bayes.predict(features_of(text(valid, i).text, reading.level));
    right += classes[static_cast<std::size_t>(guess)] == text(valid, i).label;
  }
  return static_cast<double>(right) / static_cast<double>(valid_which.size());
}

double majority_accuracy(std::span<const Example> train, std::span<const Example> valid) {
  std::map<std::int64_t, std::int64_t> counts;
  for (const auto& example : train) ++counts[example.label];
  const auto most = std::ranges::max_element(counts, {}, [](const auto& c) { return c.second; })->first;
  const auto right = std::ranges::count(valid, most, &Example::label);
  return static_cast<double>(right) / static_cast<double>(valid.size());
}

}  // namespace unroll::classify
