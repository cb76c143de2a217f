#include "cell_checks.hpp"
#include "golden_ragged.hpp"
#include "temporary_folder.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/io/atomic_file.hpp"
#include "unroll/layers/elman.hpp"
#include "unroll/layers/embedding.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/lstm_projection.hpp"
#include "unroll/train/weights.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

// Some dozen roundings of 1e-16 on numbers of order 1, amplified through four steps and two layers.
constexpr double tolerance = 1e-10;

// 0.6 sin(1.3 i + number), as in tools/make_goldens.py.
V wave(const Shape& shape, int number) {
  V v = V::uninitialised(shape);
  for (index_t i = 0; i < v.size(); ++i)
    v.mutable_data()[i] = 0.6 * std::sin(1.3 * static_cast<double>(i) + static_cast<double>(number));
  return v.requires_grad(true);
}

/// A layer with the waves of the table's net, which has been through a file; `make(seed)` gives one.
template <class Make>
auto from_file(const Make& make) {
  const TemporaryFolder folder;
  auto written = make(1), layer = make(2);
  int number = 10;
  for (auto& p : parameters(written))
    p.variable.update([&](auto& w) { w = wave(p.variable.shape(), number++).value(); });
  save_weights(written, folder / "rnn.safetensors", "encoder.rnn");
  load_weights(layer, folder / "rnn.safetensors", {.prefix = "encoder.rnn"});
  return layer;
}

/// State dict, outputs, final states and all gradients of a batch of sequences of 2, 4 and 1 steps.
template <class Make>
void equals_pytorch(const Make& make, const std::string& state_dict, const GoldenTable& golden) {
  const auto layer = from_file(make);
  CHECK(names(layer) == state_dict);
  const V x = wave({4, 3, 2}, 0);
  int number = 1;
  const auto start = map_state(layer.initial_state(3), [&](const V& v) { return wave(v.shape(), number++); });
  const std::vector<V> starts = members(start);
  std::vector<std::pair<std::string, V>> inputs{{"x", x}, {"h0", starts[0]}};
  if (starts.size() == 2) inputs.emplace_back("c0", starts[1]);
  for (auto& p : parameters(layer)) inputs.emplace_back(p.name, p.variable);

  const auto [y, last] = layer(x, start, {.lengths = {2, 4, 1}});
  std::vector<V> results = members(last);
  results.insert(results.begin(), y);
  V loss(0.0);
  REQUIRE(golden.size() == results.size() + inputs.size());
  for (std::size_t k = 0; k < results.size(); ++k) {
    CAPTURE(golden[k].first);
    CHECK(distance(list(results[k]), golden[k].second) < tolerance);
    loss = loss + sum(results[k] * wave(results[k].shape(), 3 + static_cast<int>(k)).detach());
  }
  loss.backward();
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const auto& row = golden[results.size() + k];
    CAPTURE(row.first);
    CHECK("grad " + inputs[k].first == row.first);
    CHECK(distance(gradient_list(inputs[k].second), row.second) < tolerance);
  }
}

const RecurrentOptions both{.num_layers = 2, .bidirectional = true};

std::vector<std::byte> from_hexadecimal(const std::string& text) {
  std::vector<std::byte> bytes;
  for (std::size_t k = 0; k < text.size(); k += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(text.substr(k, 2), nullptr, 16)));
  return bytes;
}

/// nn.Sequential(nn.Embedding(2, 1), nn.GRU(1, 1))
struct Small {
  Embedding<> embedding{2, 1};
  Gru<> gru{1, 1};
  template <class Visitor>
  void visit(Visitor&& v) {
    v("0", embedding), v("1", gru);
  }
};

}  // namespace

TEST_CASE("weights: a ragged batch through a file of nn.RNN with tanh equals PyTorch in all gradients") {
  const auto make = [](std::uint64_t seed) {
    Generator rng(seed);
    return Elman<double>(2, 2, both, rng);
  };
  equals_pytorch(make, golden_ragged_rnn_tanh_state, golden_ragged_rnn_tanh);
}

TEST_CASE("weights: a ragged batch through a file of nn.RNN with relu, no bias, equals PyTorch") {
  const auto make = [](std::uint64_t seed) {
    Generator rng(seed);
    return Elman<double, Relu>(2, 2, {.bias = false}, rng);
  };
  equals_pytorch(make, golden_ragged_rnn_relu_state, golden_ragged_rnn_relu);
}

TEST_CASE("weights: a ragged batch through a file of nn.LSTM equals PyTorch in all gradients") {
  const auto make = [](std::uint64_t seed) {
    Generator rng(seed);
    return Lstm<double>(2, 2, both, rng);
  };
  equals_pytorch(make, golden_ragged_lstm_state, golden_ragged_lstm);
}

TEST_CASE("weights: a ragged batch through a file of nn.LSTM with proj_size equals PyTorch") {
  const auto make = [](std::uint64_t seed) {
    Generator rng(seed);
    return LstmProjection<double>(2, 3, 2, {.num_layers = 2}, rng);
  };
  equals_pytorch(make, golden_ragged_lstm_projection_state, golden_ragged_lstm_projection);
}

TEST_CASE("weights: a ragged batch through a file of nn.GRU equals PyTorch in all gradients") {
  const auto make = [](std::uint64_t seed) {
    Generator rng(seed);
    return Gru<double>(2, 2, both, rng);
  };
  equals_pytorch(make, golden_ragged_gru_state, golden_ragged_gru);
}

TEST_CASE("weights: a file that Python wrote is read") {
  const auto file = io::parse_safetensors(from_hexadecimal(golden_torch_file));
  Small model;
  load_weights(model, file);
  int number = 0;
  for (const auto& p : parameters(model)) {
    CAPTURE(p.name);
    // The file holds the waves rounded to float: half a unit in the last place of numbers below 1.
    CHECK(distance(list(p.variable), list(wave(p.variable.shape(), number++))) < 6e-8);
  }
  CHECK(number == 5);
}

TEST_CASE("weights: a file has the bytes that Python writes") {
  const auto bytes = from_hexadecimal(golden_torch_file);
  const auto file = io::parse_safetensors(bytes);
  Small model;
  load_weights(model, file);
  const TemporaryFolder folder;
  save_weights(model, folder / "small.safetensors");
  CHECK(io::read_file(folder / "small.safetensors", 1000) == bytes);
}
