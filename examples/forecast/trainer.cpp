#include "forecast/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "unroll/data/utf8.hpp"
#include "unroll/layers/summary.hpp"

namespace unroll::forecast {
namespace {

std::int64_t rows_in(std::span<const RowRange> ranges) {
  std::int64_t rows = 0;
  for (const RowRange& range : ranges) rows += range.end - range.begin;
  return rows;
}

/// The times that ranges cover, for people: `1949-01 to 1956-12`.
std::string span_of(const Source& source, std::span<const RowRange> ranges) {
  std::string first, last;
  std::int64_t low = 0, high = 0;
  for (std::int64_t s = 0; s < std::ssize(ranges); ++s) {
    const RowRange range = ranges[static_cast<std::size_t>(s)];
    if (range.begin == range.end) continue;
    const std::int64_t begin = source.set.time(s, range.begin), end = source.set.time(s, range.end - 1);
    if (first.empty() || begin < low) low = begin, first = source.set.time_text(s, range.begin);
    if (last.empty() || end > high) high = end, last = source.set.time_text(s, range.end - 1);
  }
  return first + " to " + last;
}

/// Takes the last rows, a share of the longest range, from all ranges.
std::vector<RowRange> split_off(const Source& source, std::vector<RowRange>& train, double fraction) {
  Source before = source;
  std::int64_t longest = 0;
  for (std::size_t s = 0; s < train.size(); ++s) {
    before.rows[s] = train[s].end;
    longest = std::max(longest, train[s].end - train[s].begin);
  }
  const auto count = static_cast<std::int64_t>(std::ceil(fraction * static_cast<double>(longest)));
  if (count == 0) return {};
  Parts parts = parts_at(before, holdout_begin(before, count));
  train = std::move(parts.before);
  return std::move(parts.from);
}

std::int64_t find_order(const TrainOptions& options, const Dataset& data) {
  constexpr std::int64_t most = 30;
  if (options.linear == "none") return 0;
  if (options.linear == "last") return 1;
  if (options.order > 0) return options.order;
  TimeSeriesSet set = hidden_behind(data.source, data.reading.roles, data.train);
  apply_scaling(set, data.preparation.scaling);
  return best_order(set, data.reading, data.train, data.preparation.filling,
                    origin_options(options, data.reading), most);
}

std::string linear_text(const TrainOptions& options, const Reading& reading) {
  if (options.linear == "none") return "none: the networks forecast alone";
  if (options.linear == "last") return "the last value";
  return fmt::format("autoregression of order {}{}, by least squares for each step ahead", reading.order,
                     options.order == 0 ? " (the best on the last fifth)" : "");
}

std::string inputs_text(const Reading& reading) {
  const auto listed = [&](const char* kind, const std::vector<std::int64_t>& role) {
    std::string text;
    for (const auto c : role)
      text += (text.empty() ? "" : ", ") + printable(reading.columns[static_cast<std::size_t>(c)]);
    return text.empty() ? text : fmt::format("; {}: {}", kind, text);
  };
  return printable(reading.columns[static_cast<std::size_t>(reading.roles.targets[0])]) +
         listed("known in the past only", reading.roles.past) + listed("known ahead", reading.roles.known) +
         listed("of a series", reading.roles.fixed);
}

void print_run(const TrainOptions& options, const Dataset& data, const Trainer& trainer) {
  const Source& source = data.source;
  fmt::print("data        {}: {} series, {}{}\n", source.set.file, grouped(source.series()),
             counted(std::accumulate(source.rows.begin(), source.rows.end(), std::int64_t{0}), "row"),
             source.set.form ? ", a row each " + name_of(source.set.step) : "");
  if (const auto gaps = source.set.gap_report(); !gaps.empty())
    fmt::print("note: rows that the file lacks count as missing: {}\n", gaps);
  fmt::print("forecast    {}; 1 to {} ahead\n", inputs_text(data.reading), counted(options.horizon, "step"));
  fmt::print("training    {} ({}), {}\n", span_of(source, data.train), counted(rows_in(data.train), "row"),
             counted(trainer.train_origins().size(), "origin"));
  if (trainer.valid_origins())
    fmt::print("validation  {} ({})\n", span_of(source, data.valid), counted(rows_in(data.valid), "row"));
  const auto rest = parts_at(source, data.reading.end).from;
  if (rows_in(rest) > 0)
    fmt::print("held back   {} ({}), for eval\n", span_of(source, rest), counted(rows_in(rest), "row"));
  fmt::print("linear part {}\n", linear_text(options, data.reading));
  fmt::print("steps       {} of {}, {} with learning rate {:g} ({}), seed {}, {}\n\n",
             counted(options.epochs, "epoch"), counted(trainer.steps_per_epoch(), "step"), options.optimizer,
             options.lr, options.schedule, options.seed, counted(options.threads, "thread"));
  fmt::print("{}\n", summary(trainer.model()));
}

/// Errors: DataError if the networks of a run that read as `trained` says cannot read this data.
void check_same_inputs(const Dataset& data, const Reading& trained) {
  const Reading& now = data.reading;
  const auto counts = [](const Reading& r) {
    return fmt::format("{} of the past, {} known ahead, {} of a series", r.past_features, r.known_features,
                       r.fixed_features);
  };
  if (counts(now) != counts(trained))
    raise<DataError>(
        "--init: its networks take other inputs ({}) than those of {} ({}; each column with missing values "
        "has an indicator more)",
        counts(trained), data.source.set.file, counts(now));
  const auto words_of = [](const Reading& r) {
    std::vector<std::vector<std::string>> words;
    for (const auto& [column, levels] : r.words) words.push_back(levels);
    return words;
  };
  if (words_of(now) != words_of(trained))
    raise<DataError>("--init: its columns of words hold other words than those of {}", data.source.set.file);
}

Preparation preparation_of(const Forecaster& model) {
  return {model.columns().scaling(), model.columns().filling()};
}

}  // namespace

Forecaster trained_model(const SavedRun& run) {
  Forecaster model = empty_model(run.options, run.reading);
  load_trained(model, run.tensors);
  return model;
}

Dataset make_dataset(const TrainOptions& options, Source source, Reading reading, std::vector<RowRange> train,
                     std::vector<RowRange> valid) {
  if (options.shortest > options.window)
    raise<UsageError>("--shortest {}: the network sees no more than --window {}", options.shortest,
                      options.window);
  Dataset data{std::move(source), std::move(reading), {}, std::move(train), std::move(valid)};
  data.preparation = fit_preparation(data.source, data.reading, data.train, options);
  data.reading.order = find_order(options, data);
  return data;
}

Dataset open_dataset(const TrainOptions& options, const SavedRun* earlier) {
  Reading reading = earlier ? earlier->reading : Reading{};
  Source source = read_source(options, reading);
  if (!earlier) {
    reading.end = holdout_begin(source, options.holdout);
  }
  std::vector<RowRange> train = parts_at(source, reading.end).before;
  if (!earlier) {
    const std::string span = span_of(source, train);
    reading.last = span.substr(span.find(" to ") + 4);
  }
  std::vector<RowRange> valid = split_off(source, train, options.valid_fraction);
  if (!earlier)
    return make_dataset(options, std::move(source), std::move(reading), std::move(train), std::move(valid));
  return {std::move(source), std::move(reading), preparation_of(trained_model(*earlier)), std::move(train),
          std::move(valid)};
}

Trainer::Trainer(const TrainOptions& options, const Dataset& data, Forecaster model, const SavedRun* earlier)
    : program::ModelTrainer<TrainOptions, Reading, Forecaster>(options, data.reading, data.source.checksum,
                                                               std::move(model), earlier),
      source_(data.source),
      preparation_(data.preparation),
      train_([&] {
        OriginOptions origins = origin_options(options, data.reading);
        origins.stride = options.stride;
        return origins_in(data.source, data.reading, data.preparation, data.train, origins);
      }()),
      valid_(rows_in(data.valid) == 0
                 ? std::nullopt
                 : std::optional(origins_in(data.source, data.reading, data.preparation, data.valid,
                                            origin_options(options, data.reading)))),
      batches_(train_.lengths(), {.batch = options.batch, .seed = options.seed}) {}

std::unique_ptr<Trainer> Trainer::open(const TrainOptions& options, const SavedRun* earlier,
                                       const SavedRun* init) {
  if (options.grow_vocabulary) raise<UsageError>("--grow-vocabulary: a forecast has no vocabulary");
  const Dataset data = open_dataset(options, earlier);
  if (init) check_same_inputs(data, init->reading);
  if (earlier) check_same_text(options.data, "--data", data.source.checksum, earlier->text_checksum);
  auto trainer = std::make_unique<Trainer>(
      options, data,
      earlier ? empty_model(options, data.reading)
              : new_model(options, data.reading, data.preparation,
                          origins_in(data.source, data.reading, data.preparation, data.train,
                                     origin_options(options, data.reading))),
      earlier);
  if (init) trainer->begin_with(trained_model(*init));
  print_run(options, data, *trainer);
  return trainer;
}

nlohmann::ordered_json Trainer::configuration() const {
  return {{"text_checksum", text_checksum_},
          {"columns", reading_.columns},
          {"order", reading_.order},
          {"train_origins", train_.size()},
          {"valid_origins", valid_ ? valid_->size() : 0},
          {"parameters", count_parameters(model_)},
          {"steps_per_epoch", batches_.size()}};
}

StepResult Trainer::train_step(std::int64_t epoch, std::int64_t index) {
  if (epoch != epoch_) order_ = batches_.epoch(epoch_ = epoch);
  const std::vector<std::int64_t>& windows = order_[static_cast<std::size_t>(index)];
  if (shards_)
    return learn_shards(windows, [&](const Forecaster& model, const auto& some, int) {
      const Batch batch = model.batch_of(train_.batch(some));
      return ShardLoss<float>{model.loss(batch), batch.count};
    });
  const Batch batch = model_.batch_of(train_.batch(windows));
  return learn(batch.size, [&](const Forecaster& model) { return model.loss(batch); });
}

Trainer::Measured Trainer::measure() const {
  const auto target = reading_.roles.targets[0];
  std::vector<double> sum(static_cast<std::size_t>(options_.horizon)), count(sum);
  const auto take = [&](const WindowPlace& place, std::int64_t step, const Forecast& forecast) {
    const double truth = source_.set.value(place.series, place.origin + step, target);
    if (!valid_->counts(place, step) || std::isnan(truth)) return;
    const double error = truth - forecast.centre();
    sum[static_cast<std::size_t>(step)] += error * error, ++count[static_cast<std::size_t>(step)];
  };
  Measured measured{
      for_each_forecast(model_, *valid_, preparation_.scaling[static_cast<std::size_t>(target)], take), {}};
  for (std::size_t h = 0; h < sum.size(); ++h)
    measured.rmse.push_back(count[h] > 0 ? std::sqrt(sum[h] / count[h]) : 0);
  return measured;
}

std::vector<double> Trainer::validation_errors() const { return measure().rmse; }

std::optional<Evaluation> Trainer::evaluate() {
  if (!valid_) return {};
  const Measured measured = measure();
  learner_.check_valid(measured.loss, [&] { measure(); });
  double squares = 0;
  for (const double e : measured.rmse) squares += e * e;
  return Evaluation{measured.loss,
                    {{"rmse", std::sqrt(squares / static_cast<double>(measured.rmse.size()))}}};
}

}  // namespace unroll::forecast
