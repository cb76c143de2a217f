#include <algorithm>
#include <cmath>

#include "common/line_reader.hpp"
#include "forecast/commands.hpp"
#include "forecast/comparison.hpp"
#include "forecast/trainer.hpp"

namespace unroll::forecast {
namespace {

/// The means over the folds of the root mean square errors, and of their ratios to those of others.
struct Means {
  double folds = 0, rmse = 0, of_linear = 0, of_regression = 0, covered = 0;
  void add(const Compared& c) {
    const auto rmse_of = [&](std::size_t method) { return figures_of(c.rows, c.methods[method]).rmse; };
    const Figures own = figures_of(c.rows, c.methods[0]);
    ++folds, rmse += own.rmse, covered += own.covered;
    of_linear += own.rmse / rmse_of(1), of_regression += own.rmse / rmse_of(c.methods.size() - 1);
  }
  std::string text() const {
    return fmt::format(
        "RMSE {:.4g}, {:.4f} of its linear part's, {:.4f} of an autoregression's; {:.1f} % within 90 %",
        rmse / folds, of_linear / folds, of_regression / folds, 100 * covered / folds);
  }
};

/// Trains to the end of the plan without a folder, and compares.
std::vector<Compared> train_fold(const TrainOptions& options, Dataset data,
                                 const std::vector<std::int64_t>& steps) {
  const auto training = origins_in(data.source, data.reading, data.preparation, data.train,
                                   origin_options(options, data.reading));
  Trainer trainer(options, data, new_model(options, data.reading, data.preparation, training), nullptr);
  for (std::int64_t epoch = 0; epoch < options.epochs; ++epoch)
    for (std::int64_t i = 0; i < trainer.steps_per_epoch(); ++i) trainer.train_step(epoch, i);
  return compare(trainer.model(), data.source, data.reading, data.preparation, *trainer.valid_origins(),
                 data.train, {.steps = steps, .season = data.reading.season});
}

}  // namespace

int validate_command(const TrainOptions& options, const ValidateOptions& validation) {
  use_threads(options.threads);
  Reading reading;
  const Source source = read_source(options, reading);
  const auto part = parts_at(source, holdout_begin(source, options.holdout)).before;
  std::int64_t longest = 0;
  for (const RowRange& range : part) longest = std::max(longest, range.end);
  const std::int64_t rows =
      validation.rows > 0 ? validation.rows : std::max<std::int64_t>(1, longest / (2 * validation.folds));
  std::vector<std::int64_t> steps{1};
  if (options.horizon > 1) steps.push_back(options.horizon);
  std::vector<Means> means(steps.size());
  std::int64_t fold = 0;
  for (const TimeSplit& split : rolling_origins(source.set, part, validation.folds, rows)) {
    const auto compared =
        train_fold(options, make_dataset(options, source, reading, split.train, split.valid), steps);
    fmt::print("fold {} of {}\n", ++fold, validation.folds);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (compared[i].rows.truth.empty()) continue;
      Means own;
      own.add(compared[i]), means[i].add(compared[i]);
      fmt::print("  {} ahead, {} to {}: {}\n", counted(steps[i], "step"), compared[i].first, compared[i].last,
                 own.text());
    }
    write_out("");
  }
  fmt::print("mean of the folds\n");
  for (std::size_t i = 0; i < steps.size(); ++i)
    if (means[i].folds > 0) fmt::print("  {} ahead: {}\n", counted(steps[i], "step"), means[i].text());
  return 0;
}

}  // namespace unroll::forecast
