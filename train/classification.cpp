#include "unroll/train/classification.hpp"

#include <algorithm>

#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll {
namespace {

constexpr std::int64_t most_classes = 1 << 16;  // a table of 32 GiB

std::optional<double> share(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return {};
  return static_cast<double>(part) / static_cast<double>(whole);
}

void check_names(const char* what, const ConfusionMatrix& matrix, std::span<const std::string> names) {
  if (std::ssize(names) != matrix.classes())
    raise<UsageError>("{}: need a name for each of {} classes; got {}", what, matrix.classes(), names.size());
}

/// fmt's widths count code points as this does, but for wide ones.
int width_of(std::span<const std::string> names, std::size_t at_least) {
  for (const auto& name : names) at_least = std::max(at_least, count_characters(name));
  return static_cast<int>(at_least);
}

std::string percent(std::optional<double> value) { return value ? fmt::format("{:.1f}", 100 * *value) : "-"; }

}  // namespace

ConfusionMatrix::ConfusionMatrix(std::int64_t classes) : classes_(classes) {
  if (classes < 1) raise<UsageError>("confusion matrix: need at least one class; got {}", classes);
  if (classes > most_classes)
    raise<UsageError>("confusion matrix: need at most {} classes; got {}", most_classes, classes);
  counts_.resize(static_cast<std::size_t>(classes * classes));
}

std::size_t ConfusionMatrix::place(std::int64_t actual, std::int64_t predicted) const {
  for (const auto c : {actual, predicted})
    if (c < 0 || c >= classes_)
      raise<IndexError>("confusion matrix: need a class in [0, {}); got {}", classes_, c);
  return static_cast<std::size_t>(actual * classes_ + predicted);
}

void ConfusionMatrix::add(std::int64_t actual, std::int64_t predicted) {
  ++counts_[place(actual, predicted)];
}

std::int64_t ConfusionMatrix::count(std::int64_t actual, std::int64_t predicted) const {
  return counts_[place(actual, predicted)];
}

std::int64_t ConfusionMatrix::occurrences(std::int64_t c) const {
  std::int64_t sum = 0;
  for (std::int64_t k = 0; k < classes_; ++k) sum += count(c, k);
  return sum;
}

std::int64_t ConfusionMatrix::predictions(std::int64_t c) const {
  std::int64_t sum = 0;
  for (std::int64_t k = 0; k < classes_; ++k) sum += count(k, c);
  return sum;
}

std::int64_t ConfusionMatrix::total() const {
  std::int64_t sum = 0;
  for (const auto n : counts_) sum += n;
  return sum;
}

std::int64_t ConfusionMatrix::correct() const {
  std::int64_t sum = 0;
  for (std::int64_t c = 0; c < classes_; ++c) sum += count(c, c);
  return sum;
}

std::optional<double> ConfusionMatrix::accuracy() const { return share(correct(), total()); }
std::optional<double> ConfusionMatrix::precision(std::int64_t c) const {
  return share(count(c, c), predictions(c));
}
std::optional<double> ConfusionMatrix::recall(std::int64_t c) const {
  return share(count(c, c), occurrences(c));
}
std::optional<double> ConfusionMatrix::f1(std::int64_t c) const {
  return share(2 * count(c, c), occurrences(c) + predictions(c));
}

std::optional<double> ConfusionMatrix::macro(Score score) const {
  double sum = 0;
  std::int64_t occurring = 0;
  for (std::int64_t c = 0; c < classes_; ++c)
    if (occurrences(c) > 0) sum += (this->*score)(c).value_or(0), ++occurring;
  if (occurring == 0) return {};
  return sum / static_cast<double>(occurring);
}

std::optional<double> ConfusionMatrix::macro_precision() const { return macro(&ConfusionMatrix::precision); }
std::optional<double> ConfusionMatrix::macro_recall() const { return macro(&ConfusionMatrix::recall); }
std::optional<double> ConfusionMatrix::macro_f1() const { return macro(&ConfusionMatrix::f1); }

std::string confusion_table(const ConfusionMatrix& matrix, std::span<const std::string> names) {
  check_names("confusion_table", matrix, names);
  std::int64_t largest = matrix.classes();
  for (std::int64_t a = 0; a < matrix.classes(); ++a)
    for (std::int64_t p = 0; p < matrix.classes(); ++p) largest = std::max(largest, matrix.count(a, p));
  const int cell = static_cast<int>(std::to_string(largest).size()) + 1;
  const int number = static_cast<int>(std::to_string(matrix.classes()).size()), width = width_of(names, 0);
  std::string table = fmt::format("{:{}}", "", number + 1 + width);
  for (std::int64_t p = 0; p < matrix.classes(); ++p) table += fmt::format("{:>{}}", p + 1, cell);
  table += '\n';
  for (std::int64_t a = 0; a < matrix.classes(); ++a) {
    table += fmt::format("{:>{}} {:<{}}", a + 1, number, names[static_cast<std::size_t>(a)], width);
    for (std::int64_t p = 0; p < matrix.classes(); ++p)
      table += fmt::format("{:>{}}", matrix.count(a, p), cell);
    table += '\n';
  }
  return table;
}

std::string class_table(const ConfusionMatrix& matrix, std::span<const std::string> names) {
  check_names("class_table", matrix, names);
  const int width = width_of(names, 5);
  const auto line = [&](std::string_view name, const auto& precision, const auto& recall, const auto& f1,
                        const auto& examples) {
    return fmt::format("{:<{}}  {:>9}  {:>6}  {:>6}  {:>8}\n", name, width, precision, recall, f1, examples);
  };
  std::string table = line("class", "precision", "recall", "F1", "examples");
  for (std::int64_t c = 0; c < matrix.classes(); ++c)
    if (matrix.occurrences(c) + matrix.predictions(c) > 0)
      table += line(names[static_cast<std::size_t>(c)], percent(matrix.precision(c)),
                    percent(matrix.recall(c)), percent(matrix.f1(c)), matrix.occurrences(c));
  return table + line("mean", percent(matrix.macro_precision()), percent(matrix.macro_recall()),
                      percent(matrix.macro_f1()), matrix.total());
}

}  // namespace unroll
