#pragma once
/// \file RecurrentLayer for the layers of layers/; for cells_*.cpp.

#include "common/recurrent.hpp"
#include "unroll/layers/recurrent.hpp"

namespace unroll::program {

template <class Layer>
class RecurrentOf final : public RecurrentLayer {
 public:
  explicit RecurrentOf(Layer layer) : layer_(std::move(layer)) {}

  std::unique_ptr<RecurrentLayer> copy() const override { return std::make_unique<RecurrentOf>(layer_); }

  RecurrentResult run(const Variable<float>& x, const CarriedState& state,
                      const SequenceOptions& sequences) const override {
    auto result = layer_(x, from_names(state), sequences);
    RecurrentResult named{std::move(result.output), {}};
    detail::visit_state(result.state,
                        [&](const char* name, Variable<float>& v) { named.state[name] = std::move(v); });
    return named;
  }

  Variable<float> last(const CarriedState& state) const override {
    return layer_.last({.output = {}, .state = from_names(state)});
  }

  detail::Members<float> members() override { return detail::members(layer_); }
  index_t output_size() const override { return layer_.directions() * layer_.output_size(); }
  index_t state_size() const override { return layer_.state_size(); }

 private:
  static typename Layer::State from_names(const CarriedState& state) {
    typename Layer::State members;
    if (!state.empty())
      detail::visit_state(members, [&](const char* name, Variable<float>& v) { v = state.at(name); });
    return members;
  }

  Layer layer_;
};

inline RecurrentOptions recurrent_options(const CellOptions& o) {
  return {.layers = o.layers,
          .bidirectional = o.bidirectional,
          .dropout = o.dropout,
          .variational = o.variational,
          .recurrent_dropout = o.recurrent_dropout,
          .zoneout = o.zoneout,
          .zoneout_memory = o.zoneout_memory};
}

/// For layers that are made from (input, hidden, options, rng).
template <class Layer>
std::unique_ptr<RecurrentLayer> make_recurrent(const CellOptions& o, Generator& rng) {
  return std::make_unique<RecurrentOf<Layer>>(Layer(o.input, o.hidden, recurrent_options(o), rng));
}

/// For layers that are made from (input, hidden, output, options, rng); `divisor`: hidden / output.
template <class Layer, index_t divisor>
std::unique_ptr<RecurrentLayer> make_with_output(const CellOptions& o, Generator& rng) {
  const index_t output = std::max<index_t>(1, o.hidden / divisor);
  return std::make_unique<RecurrentOf<Layer>>(Layer(o.input, o.hidden, output, recurrent_options(o), rng));
}

}  // namespace unroll::program
