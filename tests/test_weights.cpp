#include "unroll/train/weights.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "temporary_folder.hpp"
#include "unroll/layers/elman.hpp"
#include "unroll/layers/embedding.hpp"
#include "unroll/layers/group_norm.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/gru_reset_before.hpp"
#include "unroll/layers/jordan.hpp"
#include "unroll/layers/layer_norm.hpp"
#include "unroll/layers/layer_norm_lstm.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/lstm_peephole.hpp"
#include "unroll/layers/lstm_projection.hpp"
#include "unroll/layers/rms_norm.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

/// In Python: self.embedding, self.rnn, self.norm, self.decoder, the decoder tied to the embedding.
template <class T>
struct Model {
  using value_type = T;
  Embedding<T> embedding;
  Gru<T> rnn;
  LayerNorm<T> norm;
  Linear<T> decoder;

  explicit Model(std::uint64_t seed) {
    Generator rng(seed);
    embedding = {5, 2, {}, rng}, rnn = {2, 2, {.dropout = 0.5}, rng}, norm = LayerNorm<T>(2);
    decoder = {2, 5, {}, rng};
    decoder.weight = embedding.weight;
  }
  template <class V>
  void visit(V&& v) {
    v("embedding", embedding), v("rnn", rnn), v("norm", norm), v("decoder", decoder);
  }
};

/// In Python: self.layer, self.group and self.rms: nn.LayerNorm, nn.GroupNorm and nn.RMSNorm.
struct Norms {
  using value_type = double;
  LayerNorm<double> layer{4};
  GroupNorm<double> group{2, 4};
  RMSNorm<double> rms{4};

  template <class V>
  void visit(V&& v) {
    v("layer", layer), v("group", group), v("rms", rms);
  }
};

template <Module A, Module B>
bool equal(const A& a, const B& b) {
  const auto pa = parameters(a);
  const auto pb = parameters(b);
  for (std::size_t k = 0; k < pa.size(); ++k)
    if (list(pa[k].variable) != list(pb[k].variable)) return false;
  return pa.size() == pb.size();
}

Gru<double> gru(std::uint64_t seed, const RecurrentOptions& options = {}) {
  Generator rng(seed);
  return Gru<double>(3, 2, options, rng);
}

io::TensorFile file_of(const Gru<double>& layer, const std::string& prefix = "") {
  io::TensorFile file("rnn.safetensors");
  save_state(layer, file, {.prefix = prefix, .parameters_only = true});
  return file;
}

/// The same file but for one tensor, of type `dtype` with `bits` at every element.
template <class Bits>
io::TensorFile with_bias(const io::TensorFile& file, io::Dtype dtype, const std::vector<Bits>& bits) {
  io::TensorFile result(file.source());
  for (const auto& [name, tensor] : file)
    if (name != "bias_hh_l0") result.add_bytes(name, tensor);
  const auto bytes = std::as_bytes(std::span(bits));
  result.add_bytes("bias_hh_l0", {dtype, {6}, {bytes.begin(), bytes.end()}});
  return result;
}

}  // namespace

TEST_CASE("weights: a file holds the names of the state dict in Python, tied ones twice, and nothing else") {
  const TemporaryFolder folder;
  const Model<float> a(1);
  save_weights(a, folder / "a.safetensors");
  const auto file = io::read_safetensors(folder / "a.safetensors");
  CHECK(file.names() == std::vector<std::string>{"decoder.bias", "decoder.weight", "embedding.weight",
                                                 "norm.bias", "norm.weight", "rnn.bias_hh_l0",
                                                 "rnn.bias_ih_l0", "rnn.weight_hh_l0", "rnn.weight_ih_l0"});
  CHECK(file.metadata().at("format") == "pt");
  CHECK(file.get<float>("decoder.weight") == file.get<float>("embedding.weight"));
}

TEST_CASE("weights: float and double models take each other's files") {
  const TemporaryFolder folder;
  const Model<float> a(1);
  Model<double> b(2);
  Model<float> c(3);
  save_weights(a, folder / "a.safetensors");
  const StateMismatch mismatch = load_weights(b, folder / "a.safetensors");
  CHECK(mismatch.missing.empty());
  CHECK(mismatch.unexpected.empty());
  CHECK(equal(a, b));
  save_weights(b, folder / "b.safetensors");
  load_weights(c, folder / "b.safetensors");
  CHECK(equal(a, c));
  CHECK(c.decoder.weight.same_as(c.embedding.weight));
}

TEST_CASE("weights: norms have the names and shapes of the state dict, and come back") {
  Norms a, b;
  std::uint64_t seed = 1;
  for (auto& p : parameters(a))
    p.variable.update([&](auto& w) { w = random_parameter({4}, seed++).value(); });
  const TemporaryFolder folder;
  save_weights(a, folder / "norms.safetensors");
  const auto file = io::read_safetensors(folder / "norms.safetensors");
  CHECK(file.names() ==
        std::vector<std::string>{"group.bias", "group.weight", "layer.bias", "layer.weight", "rms.weight"});
  for (const auto& [name, tensor] : file) CHECK(tensor.shape == std::vector<std::int64_t>{4});
  load_weights(b, file);
  CHECK(equal(a, b));
  const auto x = random_parameter({3, 4}, 9).detach();
  CHECK(list(a.group(x)) == list(b.group(x)));
  CHECK(list(a.rms(x)) == list(b.rms(x)));
}

TEST_CASE("weights: half precision is widened exactly") {
  // 1, −2, 0.5, 65504 and the smallest subnormal; 1, −2, 0.5, 2¹⁰⁰ and 2⁻¹³³: by the formats' definitions.
  const std::vector<std::uint16_t> half{0x3c00, 0xc000, 0x3800, 0x7bff, 0x0001, 0};
  const std::vector<std::uint16_t> brain{0x3f80, 0xc000, 0x3f00, 0x7180, 0x0001, 0};
  auto layer = gru(1);
  load_weights(layer, with_bias(file_of(gru(2)), io::Dtype::f16, half));
  CHECK(list(layer.cell(0).bias_hh) == std::vector<double>{1, -2, 0.5, 65504, 0x1p-24, 0});
  load_weights(layer, with_bias(file_of(gru(2)), io::Dtype::bf16, brain));
  CHECK(list(layer.cell(0).bias_hh) == std::vector<double>{1, -2, 0.5, 0x1p100, 0x1p-133, 0});
}

TEST_CASE("weights: a part of a model is read by its prefix, with or without the dot") {
  const TemporaryFolder folder;
  const Model<double> a(1);
  save_weights(a, folder / "a.safetensors", "model");
  for (const char* prefix : {"model.rnn", "model.rnn."}) {
    Gru<double> layer(2, 2);
    load_weights(layer, folder / "a.safetensors", {.prefix = prefix});
    CHECK(equal(layer, a.rnn));
  }
  save_weights(a.rnn, folder / "rnn.safetensors", "model.rnn.");
  CHECK(io::read_safetensors(folder / "rnn.safetensors").contains("model.rnn.weight_ih_l0"));
}

TEST_CASE("weights: all that does not fit is listed in one error, and nothing is changed") {
  auto layer = gru(1, {.num_layers = 2});
  const auto before = gru(1, {.num_layers = 2});
  Generator rng(2);
  io::TensorFile file("lstm.safetensors");
  save_state(Lstm<double>(3, 2, {.bidirectional = true}, rng), file, {.parameters_only = true});
  CHECK_THROWS_WITH_AS(
      load_weights(layer, file),
      "lstm.safetensors: does not fit the model: missing: weight_ih_l1, weight_hh_l1, bias_ih_l1, "
      "bias_hh_l1; "
      "unexpected: bias_hh_l0_reverse, bias_ih_l0_reverse, weight_hh_l0_reverse, weight_ih_l0_reverse; of "
      "another shape: weight_ih_l0 is (8, 3), not (6, 3), weight_hh_l0 is (8, 2), not (6, 2), bias_ih_l0 is "
      "(8,), not (6,), bias_hh_l0 is (8,), not (6,); of another cell: the file looks like Lstm, not Gru",
      DataError);
  CHECK(equal(layer, before));
}

TEST_CASE("weights: what another cell wrote is told by the name of that cell") {
  const auto told = [](auto& model, const auto& written) {
    io::TensorFile file("other.safetensors");
    save_state(written, file, {.prefix = "a.rnn", .parameters_only = true});
    try {
      load_weights(model, file, {.prefix = "a.rnn"});
    } catch (const DataError& e) {
      const std::string text = e.what(), key = "of another cell: ";
      return text.find(key) != std::string::npos ? text.substr(text.find(key) + key.size()) : "nothing";
    }
    return std::string("no error");
  };
  Generator rng(5);
  Lstm<double> lstm(3, 2, {}, rng);
  LstmCell<double> lstm_cell(3, 2, true, rng);
  auto gru_layer = gru(1);
  CHECK(told(lstm, Elman<double>(3, 2, {}, rng)) == "a.rnn looks like Elman, not Lstm");
  CHECK(told(lstm, gru_layer) == "a.rnn looks like Gru, not Lstm");
  CHECK(told(gru_layer, LstmPeephole<double>(3, 2, {}, rng)) == "a.rnn looks like LstmPeephole, not Gru");
  CHECK(told(lstm, LstmProjection<double>(3, 4, 2, {}, rng)) == "a.rnn looks like LstmProjection, not Lstm");
  CHECK(told(lstm, LayerNormLstm<double>(3, 2, {}, rng)) == "a.rnn looks like LayerNormLstm, not Lstm");
  CHECK(told(gru_layer, GruResetBefore<double>(3, 2, {}, rng)) == "a.rnn looks like GruResetBefore, not Gru");
  CHECK(told(gru_layer, Jordan<double>(3, 4, 2, {}, rng)) == "a.rnn looks like Jordan, not Gru");
  CHECK(told(lstm_cell, GruCell<double>(3, 2, true, rng)) == "a.rnn looks like Gru, not Lstm");
  CHECK(told(lstm, Lstm<double>(3, 4, {}, rng)) == "nothing");  // the cell is right, its size is not
}

TEST_CASE("weights: integers where numbers belong are an error, and nothing is changed") {
  auto layer = gru(1);
  const auto file = with_bias(file_of(gru(2)), io::Dtype::i16, std::vector<std::int16_t>(6, 1));
  CHECK(message_of<DataError>([&] { load_weights(layer, file); }) ==
        "rnn.safetensors: tensor \"bias_hh_l0\" is I16; it cannot be read as F64");
  CHECK(equal(layer, gru(1)));
}

TEST_CASE("weights: a file that is not there is an error with its name") {
  auto layer = gru(1);
  const TemporaryFolder folder;
  const std::string path = (folder / "none.safetensors").string();
  CHECK(message_of<DataError>([&] { load_weights(layer, path); }).starts_with(path + ": "));
}

TEST_CASE("weights: where not strict, what fits is taken and the rest is told") {
  auto layer = gru(1, {.num_layers = 2});
  const auto one = gru(2), before = gru(1, {.num_layers = 2});
  auto file = file_of(one, "rnn");
  file.add<double>("rnn.extra", {1}, std::vector{1.0});
  file.add<double>("other", {1}, std::vector{1.0});
  const StateMismatch mismatch = load_weights(layer, file, {.prefix = "rnn", .strict = false});
  CHECK(mismatch.missing ==
        std::vector<std::string>{"rnn.weight_ih_l1", "rnn.weight_hh_l1", "rnn.bias_ih_l1", "rnn.bias_hh_l1"});
  CHECK(mismatch.unexpected == std::vector<std::string>{"rnn.extra"});
  const auto loaded = parameters(layer), taken = parameters(one), kept = parameters(before);
  for (std::size_t k = 0; k < loaded.size(); ++k)
    CHECK(list(loaded[k].variable) == list(k < 4 ? taken[k].variable : kept[k].variable));
}

TEST_CASE("weights: where not strict, a shape that differs is still an error, and nothing is changed") {
  auto layer = gru(1);
  Generator rng(2);
  io::TensorFile file("wide.safetensors");
  save_state(Gru<double>(4, 2, {.bias = false}, rng), file, {.parameters_only = true});
  CHECK(message_of<DataError>([&] { load_weights(layer, file, {.strict = false}); }) ==
        "wide.safetensors: does not fit the model: of another shape: weight_ih_l0 is (6, 4), not (6, 3)");
  CHECK(equal(layer, gru(1)));
}

TEST_CASE("weights: the sizes of a recurrent layer are read off a file") {
  const auto s =
      recurrent_sizes(file_of(gru(1, {.num_layers = 3, .bias = false, .bidirectional = true}), "a.b"), "a.b");
  CHECK(s.gates == 3);
  CHECK(s.input == 3);
  CHECK(s.hidden == 2);
  CHECK(s.projection == 0);
  CHECK(s.options.num_layers == 3);
  CHECK(s.options.bidirectional);
  CHECK(!s.options.bias);

  io::TensorFile file;
  save_state(LstmProjection<double>(5, 4, 2), file, {.parameters_only = true});
  const auto p = recurrent_sizes(file);
  CHECK(p.gates == 4);
  CHECK(p.hidden == 4);
  CHECK(p.projection == 2);
  CHECK(p.options.num_layers == 1);
  CHECK(p.options.bias);
  CHECK(!p.options.bidirectional);
  LstmProjection<double> layer(p.input, p.hidden, p.projection, p.options);
  load_weights(layer, file);
}

TEST_CASE("weights: a wrong prefix is answered by those there are") {
  io::TensorFile file("model.safetensors");
  save_state(gru(1), file, {.prefix = "encoder.rnn", .parameters_only = true});
  save_state(gru(1), file, {.parameters_only = true});
  CHECK(message_of<DataError>([&] { recurrent_sizes(file, "decoder"); }) ==
        "model.safetensors: no recurrent layer under the prefix \"decoder\"; there is one under: "
        "\"encoder.rnn\", \"\"");
  CHECK(message_of<DataError>([&] { recurrent_sizes(io::TensorFile("empty"), "rnn."); }) ==
        "empty: no recurrent layer under the prefix \"rnn.\"; there is one under: none in this file");
}

TEST_CASE("weights: shapes that no recurrent layer has are an error") {
  io::TensorFile file("odd.safetensors");
  file.add<double>("weight_ih_l0", {5, 3}, std::vector<double>(15));
  CHECK_THROWS_WITH_AS(recurrent_sizes(file), "odd.safetensors: there is no tensor \"weight_hh_l0\"",
                       DataError);
  file.add<double>("weight_hh_l0", {5, 2}, std::vector<double>(10));
  CHECK_THROWS_WITH_AS(
      recurrent_sizes(file),
      "odd.safetensors: weight_ih_l0 has 5 rows and weight_hh_l0 5; need a multiple of 2 in both", DataError);
  file.add<double>("weight_hr_l0", {2}, std::vector<double>(2));
  CHECK_THROWS_WITH_AS(recurrent_sizes(file), "odd.safetensors: weight_hr_l0 is no matrix with elements",
                       DataError);
}
