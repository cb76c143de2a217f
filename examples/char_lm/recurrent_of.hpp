#pragma once
/// \file RecurrentLayer for the layers of layers/; for cells_*.cpp.

#include "examples/char_lm/recurrent.hpp"
#include "layers/recurrent.hpp"

namespace unroll::char_lm {

template <class Layer>
class RecurrentOf final : public RecurrentLayer {
 public:
  explicit RecurrentOf(Layer layer) : layer_(std::move(layer)) {}

  std::unique_ptr<RecurrentLayer> copy() const override { return std::make_unique<RecurrentOf>(layer_); }

  Variable<float> run(const Variable<float>& x, CarriedState& state) const override {
    typename Layer::State start;
    if (!state.empty())
      detail::visit_state(start, [&](const char* name, Variable<float>& v) { v = state.at(name); });
    auto result = layer_(x, start);
    detail::visit_state(result.state,
                        [&](const char* name, Variable<float>& v) { state[name] = v.detach(); });
    return result.output;
  }

  detail::Members<float> members() override { return detail::members(layer_); }
  index_t output_size() const override { return layer_.output_size(); }
  index_t state_size() const override { return layer_.state_size(); }

 private:
  Layer layer_;
};

inline RecurrentOptions recurrent_options(const CellOptions& o) {
  return {.layers = o.layers,
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

}  // namespace unroll::char_lm
