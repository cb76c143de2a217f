#include "cell_checks.hpp"
#include "golden_recurrent.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/elman.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/lstm_projection.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

// Some dozen roundings of 1e-16 on numbers of order 1, amplified through three steps and two layers.
constexpr double tolerance = 1e-10;

// 0.6 sin(1.3 i + number), as in tools/make_goldens.py.
V wave(const Shape& shape, int number) {
  V v = V::uninitialised(shape);
  for (index_t i = 0; i < v.size(); ++i)
    v.mutable_data()[i] = 0.6 * std::sin(1.3 * static_cast<double>(i) + static_cast<double>(number));
  return v.requires_grad(true);
}

/// A layer with the waves of the table's net: the same names in the same order, outputs, final states and all
/// gradients.
template <class Layer>
void equals_pytorch(const Layer& layer, const GoldenTable& golden) {
  const V x = wave({3, 2, 2}, 0);
  int number = 1;
  const auto start = map_state(layer.initial_state(2), [&](const V& v) { return wave(v.shape(), number++); });
  const std::vector<V> starts = members(start);
  std::vector<std::pair<std::string, V>> inputs{{"x", x}, {"h0", starts[0]}};
  if (starts.size() == 2) inputs.emplace_back("c0", starts[1]);
  number = 10;
  for (auto& p : parameters(layer)) {
    p.variable.update([&](auto& w) { w = wave(p.variable.shape(), number++).value(); });
    inputs.emplace_back(p.name, p.variable);
  }

  const auto [y, last] = layer(x, start);
  std::vector<V> results = members(last);
  results.insert(results.begin(), y);
  V loss(0.0);
  for (std::size_t k = 0; k < results.size(); ++k) {
    CAPTURE(golden[k].first);
    CHECK(distance(list(results[k]), golden[k].second) < tolerance);
    loss = loss + sum(results[k] * wave(results[k].shape(), 3 + static_cast<int>(k)).detach());
  }
  loss.backward();
  REQUIRE(golden.size() == results.size() + inputs.size());
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const auto& [name, gradient] = golden[results.size() + k];
    CHECK("grad " + inputs[k].first == name);
    CHECK(distance(gradient_list(inputs[k].second), gradient) < tolerance);
  }
}

const RecurrentOptions both{.num_layers = 2, .bidirectional = true};

}  // namespace

TEST_CASE("elman: names, outputs, states and all gradients equal those of PyTorch's RNN with tanh") {
  equals_pytorch(Elman<double>(2, 3, both), golden_rnn_tanh);
}

TEST_CASE("elman: names, outputs, states and all gradients equal those of PyTorch's RNN with relu") {
  equals_pytorch(Elman<double, Relu>(2, 3, both), golden_rnn_relu);
}

TEST_CASE("gru: names, outputs, states and all gradients equal PyTorch's") {
  equals_pytorch(Gru<double>(2, 3, both), golden_gru);
}

TEST_CASE("lstm projection: names, outputs, states and all gradients equal PyTorch's with proj_size") {
  equals_pytorch(LstmProjection<double>(2, 3, 2, both), golden_lstm_projection);
}
