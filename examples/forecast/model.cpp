#include "forecast/model.hpp"

#include <algorithm>

#include "common/memory.hpp"
#include "forecast/losses.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"

namespace unroll::forecast {
namespace {

/// Where each kind of feature stands in a row of inputs.
struct Layout {
  std::int64_t values, known, indicators, fixed, width;  // the first three make up past_features
  explicit Layout(const Reading& r)
      : values(1 + std::ssize(r.roles.past)),
        known(std::ssize(r.roles.known)),
        indicators(r.past_features - values - known),
        fixed(r.fixed_features),
        width(r.past_features + fixed) {}
};

CellOptions cell_options(const TrainOptions& o, const Reading& reading) {
  return {.input = Layout(reading).width,
          .hidden = o.hidden,
          .layers = o.layers,
          .dropout = o.dropout,
          .recurrent_dropout = o.recurrent_dropout,
          .zoneout = 0,
          .zoneout_memory = 0,
          .variational = false};
}

/// Copies the rows of window b into the inputs, and adds those of its horizon.
void write_window(const WindowBatch& w, std::int64_t b, const Reading& reading, float* inputs) {
  const Layout at(reading);
  const std::int64_t length = w.lengths[static_cast<std::size_t>(b)], past = reading.past_features;
  const auto row_of = [&](std::int64_t t) { return inputs + (t * w.batch + b) * at.width; };
  for (std::int64_t t = 0; t < length; ++t)
    std::copy_n(w.past.begin() + (t * w.batch + b) * past, past, row_of(t));
  const float* last = row_of(length - 1);
  for (std::int64_t h = 0; h < w.horizon; ++h) {
    float* row = row_of(length + h);
    const auto known = w.known.begin() + (h * w.batch + b) * reading.known_features;
    std::copy_n(last, at.values, row);
    std::copy_n(known, at.known, row + at.values);
    // Indicators stand in the order of the columns: first those of what is missing from now on, all of which have one.
    float* indicators = row + at.values + at.known;
    std::fill_n(indicators, at.values, 1.F);
    std::copy_n(known + at.known, at.indicators - at.values, indicators + at.values);
  }
  for (std::int64_t t = 0; t < length + w.horizon; ++t)
    std::copy_n(w.fixed.begin() + b * at.fixed, at.fixed, row_of(t) + past);
}

}  // namespace

double least_weights(const TrainOptions& o, const Reading& reading) {
  const double readout = static_cast<double>(o.horizon * o.hidden * output_numbers(o));
  return static_cast<double>(o.ensemble) * (count_weights(o.cell, cell_options(o, reading)) + readout);
}

Network::Network(const TrainOptions& o, const Reading& reading, Generator& rng)
    : cell_(o.cell),
      recurrent_(cell_kind(o.cell).make(cell_options(o, reading), rng)),
      dropout_(o.dropout, rng) {
  const auto first = first_numbers(o);
  const index_t numbers = output_numbers(o);
  readout_ = Variable<float>({o.horizon, output_size(recurrent_), numbers}, 0.F);
  bias_ = Variable<float>({o.horizon, 1, numbers}, 0.F);
  for (index_t h = 0; h < o.horizon; ++h) std::ranges::copy(first, bias_.mutable_data() + h * numbers);
  readout_.requires_grad(true), bias_.requires_grad(true);
}

Variable<float> Network::operator()(const Batch& batch) const {
  const Variable<float> y = recurrent_(batch.inputs, {.lengths = batch.lengths}).output;
  const index_t width = y.shape()[2];
  const Variable<float> ahead = gather(reshape(y, {y.shape()[0] * y.shape()[1], width}), batch.steps);
  return matmul(reshape(dropout_(ahead), {batch.horizon, batch.size, width}), readout_) + bias_;
}

Forecaster::Forecaster(const TrainOptions& o, const Reading& reading, LinearPart linear,
                       SavedColumns<float> columns)
    : kind_(o.loss),
      levels_(o.quantiles),
      reading_(reading),
      columns_(std::move(columns)),
      linear_(std::move(linear)) {
  for (std::int64_t i = 0; i < o.ensemble; ++i) {
    Generator rng(o.seed + static_cast<std::uint64_t>(i));
    networks_.emplace_back(o, reading, rng);
  }
}

Batch Forecaster::batch_of(const WindowBatch& w) const {
  Batch batch;
  batch.horizon = w.horizon, batch.size = w.batch, batch.places = w.places;
  batch.inputs = Variable<float>({w.steps + w.horizon, w.batch, Layout(reading_).width}, 0.F);
  std::vector<std::int64_t> lengths, steps;
  for (std::int64_t b = 0; b < w.batch; ++b) {
    write_window(w, b, reading_, batch.inputs.mutable_data());
    lengths.push_back(w.lengths[static_cast<std::size_t>(b)] + w.horizon);
  }
  for (std::int64_t h = 0; h < w.horizon; ++h)
    for (std::int64_t b = 0; b < w.batch; ++b)
      steps.push_back((w.lengths[static_cast<std::size_t>(b)] + h) * w.batch + b);
  batch.lengths = Indices(lengths), batch.steps = Indices(steps);
  batch.linear = linear_(w, reading_);
  const auto deviation = linear_.deviation();
  batch.targets = Variable<float>({w.horizon, w.batch, 1}, 0.F);
  batch.weights = Variable<float>({w.horizon, w.batch, 1}, 0.F);
  std::ranges::copy(w.weights, batch.weights.mutable_data());
  for (std::size_t i = 0; i < w.weights.size(); ++i) {
    const double error =
        (double{w.targets[i]} - batch.linear[i]) / deviation[i / static_cast<std::size_t>(w.batch)];
    if (w.weights[i] > 0) batch.targets.mutable_data()[i] = static_cast<float>(error), ++batch.count;
  }
  return batch;
}

Variable<float> Forecaster::loss(const Batch& batch) const {
  std::vector<Variable<float>> all;
  for (const Network& network : networks_)
    all.push_back(sum(losses(kind_, levels_, network(batch), batch.targets) * batch.weights));
  Variable<float> total = all[0];
  for (std::size_t i = 1; i < all.size(); ++i) total = total + all[i];
  return total * static_cast<float>(1 / (static_cast<double>(all.size()) * std::max(batch.count, 1.)));
}

std::vector<Distribution> Forecaster::distributions(const Batch& batch) const {
  const NoGrad no_grad;
  Forecaster reader = *this;  // shares the parameters
  eval(reader);
  std::vector<Variable<float>> numbers;
  for (const Network& network : reader.networks_) numbers.push_back(dense(network(batch)));
  const auto width = static_cast<std::size_t>(numbers[0].shape()[2]);
  const double share = 1 / static_cast<double>(numbers.size());
  std::vector<Distribution> all;
  for (std::size_t i = 0; i < batch.linear.size(); ++i) {
    std::vector<Distribution::Normal> parts;
    std::vector<double> quantiles(kind_ == "quantiles" ? width : 0);
    for (const auto& of_network : numbers) {
      const std::span<const float> own(of_network.data() + i * width, width);
      for (std::size_t q = 0; q < quantiles.size(); ++q) quantiles[q] += share * double{own[q]};
      if (!quantiles.empty()) continue;
      for (auto part : normals_of(kind_, own)) part.weight *= share, parts.push_back(part);
    }
    std::ranges::sort(quantiles);  // they may cross
    all.push_back(quantiles.empty() ? Distribution(std::move(parts))
                                    : Distribution(levels_, std::move(quantiles)));
  }
  return all;
}

}  // namespace unroll::forecast
