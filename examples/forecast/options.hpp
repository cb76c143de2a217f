#pragma once
/// \file The options of forecast, each in one place: command line, log and checkpoint are made from this list.

#include "common/options.hpp"
#include "common/recurrent.hpp"

namespace unroll::forecast {

using namespace program;

struct TrainOptions : program::RunOptions {
  static constexpr const char* kind = "forecast";

  // the data
  std::string data, time, series, target, past_only, known_ahead, fixed, calendar,
      missing = "NA", decimal = ".", grid = "regular";
  // what is forecast from what
  std::string scale = "standard", fill = "last";
  std::int64_t horizon = 12, window = 36, stride = 1, holdout = 0, season = 0, shortest = 0;
  double valid_fraction = 0.15;
  // the model
  std::string linear = "ar", cell = "gru", loss = "gaussian";
  std::vector<double> quantiles = {0.05, 0.25, 0.5, 0.75, 0.95};
  std::int64_t order = 0, hidden = 16, components = 3, ensemble = 1, batch = 32;
  double dropout = 0, recurrent_dropout = 0;
  int layers = 1;

  TrainOptions() { optimizer = "adamw", epochs = 20, lr = 3e-3, clip = 1, schedule = "cosine", warmup = 0; }

  template <class Self, class Visit>
  static void visit_columns(Self& o, Visit&& visit) {
    visit("target", o.target, "the column to forecast; without, the only one of numbers", Allowed{});
    visit("time", o.time, "the column of times; without, the only one that holds times", Allowed{});
    visit("series", o.series, "the column that names the series, where the file holds several", Allowed{});
    visit("past-only", o.past_only, "columns whose future is unknown, separated by commas", Allowed{});
    visit("known-ahead", o.known_ahead, "columns that are known ahead, such as a price or a holiday",
          Allowed{});
    visit("static", o.fixed, "columns that say something about a whole series", Allowed{});
    visit("calendar", o.calendar,
          "of the time, as known ahead: hour, weekday, day-of-month, day-of-year, month, time", Allowed{});
    visit("grid", o.grid, "regular: rows that the file lacks are missing values; or as-it-stands",
          Allowed{.words = {"regular", "as-it-stands"}});
    visit("missing", o.missing, "words for a missing value, besides nothing at all", Allowed{});
    visit("decimal", o.decimal, "the decimal sign of numbers", Allowed{.words = {".", ","}});
  }

  template <class Self, class Visit>
  static void visit_task(Self& o, Visit&& visit) {
    visit("horizon", o.horizon, "steps ahead to forecast, from 1 on", shaping({.low = 1, .high = 10000}));
    visit("window", o.window, "rows of the past that the network sees", Allowed{.low = 1, .high = 100000});
    visit("shortest", o.shortest,
          "rows of the past that will do at the beginning of a series; 0: as the order "
          "of --linear ar, or 1",
          Allowed{.low = 0, .high = 100000});
    visit("stride", o.stride, "rows between the origins of training", size_from(1));
    visit("holdout", o.holdout, "the last rows, which nothing is learned from: eval measures there",
          count_from(0));
    visit("valid-fraction", o.valid_fraction, "share of the other rows for validation, the last ones",
          share());
    visit("scale", o.scale, "of the target: standard, min-max, log, log1p or none",
          Allowed{.words = {"standard", "min-max", "log", "log1p", "none"}});
    visit("fill", o.fill,
          "what stands for a missing input, which an indicator marks: the last value, or the mean",
          Allowed{.words = {"last", "mean"}});
    visit("season", o.season, "rows of a season, for eval; 0: by the step of the times", count_from(0));
  }

  template <class Self, class Visit>
  static void visit_fixed(Self& o, Visit&& visit) {
    visit_columns(o, visit);
    visit_task(o, visit);
    visit("linear", o.linear,
          "below the network, by least squares: ar, an autoregression; last, the last value; none",
          shaping({.words = {"ar", "last", "none"}}));
    visit("order", o.order,
          "of the autoregression; 0: what forecasts the last fifth of training best, up to 30",
          Allowed{.low = 0, .high = 1000});
    visit("cell", o.cell, cell_help().c_str(), shaping({.known = is_cell}));
    visit("hidden", o.hidden, "size of the hidden state", shaping(size_from(1)));
    visit("layers", o.layers, "recurrent layers", shaping({.low = 1, .high = 1000}));
    visit("dropout", o.dropout, "share of the outputs of each layer to drop in training", share());
    visit("recurrent-dropout", o.recurrent_dropout,
          "share of the state to drop, the same elements at every step", share());
    visit("loss", o.loss, "what is learned: mse, gaussian, quantiles or mixture",
          shaping({.words = {"mse", "gaussian", "quantiles", "mixture"}}));
    visit("quantiles", o.quantiles, "of --loss quantiles; 0.5 is the forecast",
          shaping({.low = 0.001, .high = 0.999}));
    visit("components", o.components, "normal distributions of --loss mixture",
          shaping({.low = 1, .high = 100}));
    visit("ensemble", o.ensemble, "networks that are trained side by side, their forecasts averaged",
          shaping({.low = 1, .high = 100}));
    visit("batch", o.batch, "origins per update", size_from(1));
    visit_learning(o, visit);
  }

  template <class Self, class Visit>
  static void visit_changeable(Self& o, Visit&& visit) {
    visit("data", o.data, "a table: .csv, .tsv, .txt, .jsonl, .ndjson, .npy or .npz", Allowed{.path = true});
    visit_duration(o, visit, "times to see all origins");
  }
};

/// How many numbers the network gives for each step ahead.
inline std::int64_t output_numbers(const TrainOptions& o) {
  if (o.loss == "gaussian") return 2;
  if (o.loss == "quantiles") return std::ssize(o.quantiles);
  return o.loss == "mixture" ? 3 * o.components : 1;
}

}  // namespace unroll::forecast
