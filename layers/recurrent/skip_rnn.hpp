#pragma once
/// \file The layers on the road to the LSTM: `SkipRnn`, `ForgetGateRnn`, `InputGateRnn`, each `(I, H, {…})`.

#include "unroll/layers/recurrent.hpp"
#include "unroll/layers/skip_cells.hpp"

namespace unroll {

/// See Recurrent and SkipCell.
template <class T = float>
class SkipRnn : public Recurrent<SkipCell<T>> {
 public:
  SkipRnn() = default;
  SkipRnn(index_t input, index_t hidden, const RecurrentOptions& options = {},
          Generator& rng = default_generator())
      : Recurrent<SkipCell<T>>(input, hidden, options, rng) {}
};

/// See Recurrent and ForgetGateCell.
template <class T = float>
class ForgetGateRnn : public Recurrent<ForgetGateCell<T>> {
 public:
  ForgetGateRnn() = default;
  ForgetGateRnn(index_t input, index_t hidden, const RecurrentOptions& options = {},
                Generator& rng = default_generator())
      : Recurrent<ForgetGateCell<T>>(input, hidden, options, rng) {}
};

/// See Recurrent and InputGateCell.
template <class T = float>
class InputGateRnn : public Recurrent<InputGateCell<T>> {
 public:
  InputGateRnn() = default;
  InputGateRnn(index_t input, index_t hidden, const RecurrentOptions& options = {},
               Generator& rng = default_generator())
      : Recurrent<InputGateCell<T>>(input, hidden, options, rng) {}
};

extern template class Recurrent<SkipCell<float>>;
extern template class Recurrent<SkipCell<double>>;
extern template class Recurrent<ForgetGateCell<float>>;
extern template class Recurrent<ForgetGateCell<double>>;
extern template class Recurrent<InputGateCell<float>>;
extern template class Recurrent<InputGateCell<double>>;

}  // namespace unroll
