#pragma once
/// \file The model: a linear forecast, and networks that read the past, read on over the horizon, and say how far it is off.

#include "forecast/distribution.hpp"
#include "forecast/linear_part.hpp"
#include "unroll/layers/dropout.hpp"
#include "unroll/train/saved_columns.hpp"

namespace unroll::forecast {

/// The number of weights of such a model, biases and the like left out, without making it.
double least_weights(const TrainOptions& options, const Reading& reading);

/// Windows as the networks take them.
/// A network reads T rows of the past and then the H rows to be forecast, in which targets and past-only columns are
/// missing: the last value stands there, and their indicators are 1. So it learns what is known ahead where it counts.
struct Batch {
  Variable<float> inputs;  ///< (T + H, B, F)
  Indices lengths;         ///< (B): rows of a window, its horizon included
  Indices steps;           ///< (H B): where in (T + H) B the outputs of the horizon are
  Variable<float> targets,
      weights;                 ///< (H, B, 1): errors of the linear part by its deviation; 0 where none counts
  std::vector<double> linear;  ///< (H, B): what the linear part says, scaled
  std::vector<WindowPlace> places;
  index_t horizon = 0, size = 0;  ///< H, B
  double count = 0;               ///< targets that count
};

/// One of the networks.
class Network {
 public:
  /// Its readout is 0 at first, so that the forecast begins as the linear one, with normal errors of its deviation.
  Network(const TrainOptions& options, const Reading& reading, Generator& rng);

  /// What the loss is made of: numbers for each step ahead, (H, B, O).
  Variable<float> operator()(const Batch& batch) const;

  template <class V>
  void visit(V&& v) {
    v(cell_, recurrent_);
    v("dropout", dropout_);
    v("readout", readout_);
    v("readout_bias", bias_);
  }

 private:
  std::string cell_;
  AnyRecurrent<float> recurrent_;
  Dropout<float> dropout_;
  Variable<float> readout_, bias_;  // of each step ahead: (H, hidden, O), (H, 1, O)
};

class Forecaster {
 public:
  /// Parameters are drawn from the seed, each network's from one more.
  Forecaster(const TrainOptions& options, const Reading& reading, LinearPart linear,
             SavedColumns<float> columns);

  /// Inputs: a batch of scaled windows.
  Batch batch_of(const WindowBatch& windows) const;
  /// The mean loss over targets that count and networks.
  Variable<float> loss(const Batch& batch) const;
  /// What the networks say of each window, without dropout: of the error of the linear part, in its deviations; (H, B).
  std::vector<Distribution> distributions(const Batch& batch) const;

  const LinearPart& linear() const { return linear_; }
  const SavedColumns<float>& columns() const { return columns_; }

  template <class V>
  void visit(V&& v) {
    v("columns", columns_);
    v("linear", linear_);
    v("networks", networks_);
  }

 private:
  std::string kind_;
  std::vector<double> levels_;
  Reading reading_;
  SavedColumns<float> columns_;
  LinearPart linear_;
  std::vector<Network> networks_;
};

}  // namespace unroll::forecast
