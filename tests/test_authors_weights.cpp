#include "unroll/train/authors_weights.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "authors_file.hpp"
#include "golden_arrays.hpp"
#include "golden_case.hpp"
#include "golden_lru.hpp"
#include "golden_min_rnn.hpp"
#include "golden_qrnn.hpp"
#include "golden_rg_lru.hpp"
#include "golden_sru.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/linear.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/rearrange.hpp"
#include "unroll/layers/lru.hpp"
#include "unroll/layers/min_gru.hpp"
#include "unroll/layers/min_lstm.hpp"
#include "unroll/layers/qrnn.hpp"
#include "unroll/layers/rg_lru.hpp"
#include "unroll/layers/sru.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using Golden = Variable<double>;

Golden golden_array(const GoldenArrays& golden, const char* name) {
  return variable(golden.at(std::string("in ") + name)).detach();
}

/// The gates of the golden RG-LRU in its code's names.
AuthorsFile rg_lru_file(const ReferenceCase& golden) {
  AuthorsFile file("blocks.1.");
  return file.add("a_param", golden["Lambda"])
      .add("input_gate.w", golden["W_i"])
      .add("input_gate.b", golden["b_i"])
      .add("a_gate.w", golden["W_r"])
      .add("a_gate.b", golden["b_r"]);
}

}  // namespace

TEST_CASE("authors' weights: minGRU and minLSTM give the golden outputs") {
  const auto outputs = [](auto cell, const ReferenceCase& golden, const char* network, const char* name) {
    AuthorsFile file;
    file.add(name, golden["W"]).add("to_out.weight", golden["W_out"]);
    const StateMismatch rest = load_authors_weights(cell, network, file.file(), {.strict = false});
    CHECK(rest.unexpected == std::vector<std::string>{"to_out.weight"});  // for a Linear behind it
    const auto [y, h] = scan(cell, permute(golden["x"], {1, 0, 2}), reshape(golden["h0"], {2, -1}));
    return permute(Golden(linear(y, file["to_out.weight"])), {1, 0, 2});
  };
  const ReferenceCase gru = golden_min_gru(), lstm = golden_min_lstm();
  const auto width = [](const ReferenceCase& golden) { return golden["W_out"].shape()[1]; };
  const auto input = [](const ReferenceCase& golden) { return golden["W"].shape()[1]; };
  CHECK(distance(list(outputs(MinGruCell<double>(input(gru), width(gru), false), gru, "min_gru",
                              "to_hidden_and_gate.weight")),
                 gru.output("y")) < 1e-12);
  CHECK(distance(list(outputs(MinLstmCell<double>(input(lstm), width(lstm), false), lstm, "min_lstm",
                              "to_hidden_and_f_i_gate.weight")),
                 lstm.output("y")) < 1e-12);
}

TEST_CASE("authors' weights: the LRU gives the golden outputs") {
  const ReferenceCase golden = golden_lru();
  AuthorsFile file;
  for (const char* name : {"nu_log", "theta_log", "gamma_log", "B_re", "B_im", "C_re", "C_im", "D"})
    file.add(name, golden[name]);
  LruCell<double> cell(4, 4, LruOptions{.state_size = 5});
  load_authors_weights(cell, "lru", file.file());
  const Golden y = scan(cell, permute(golden["x"], {1, 0, 2})).output;
  CHECK(distance(list(permute(y, {1, 0, 2})), golden.output("y")) < 1e-12);
}

TEST_CASE("authors' weights: the RG-LRU gives the golden outputs, its blocks turned round") {
  const ReferenceCase golden = golden_rg_lru_clip();
  const index_t width = golden["Lambda"].size(), batch = golden["x"].shape()[0];
  RgLruCell<double> cell(width, width, RgLruOptions{.heads = golden["W_i"].shape()[0]});
  load_authors_weights(cell, "rg_lru", rg_lru_file(golden).file(), {.prefix = "blocks.1"});
  const Indices resets({7, 2}, {1, 1, 0, 0, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0});
  const RgLruState<double> state{Golden({batch, width}, 0.0), Golden({batch, 1}, 0.0)};
  const Golden y = scan(cell, permute(golden["x"], {1, 0, 2}), state, {.resets = resets}).output;
  CHECK(distance(list(permute(y, {1, 0, 2})), golden.output("y")) < 1e-12);
}

TEST_CASE("authors' weights: the QRNN gives the golden outputs, its window cut in two") {
  const GoldenArrays& golden = golden_qrnn.at("window2_carried");
  AuthorsFile file("layers.0.");
  file.add("linear.weight", concat({golden_array(golden, "weight_0"), golden_array(golden, "weight_1")}, 1))
      .add("linear.bias", golden_array(golden, "bias"));
  const Shape shape = golden_array(golden, "weight_0").shape();
  QrnnCell<double> cell(shape[1], shape[0] / 3);
  load_authors_weights(cell, "qrnn", file.file(), {.prefix = "layers.0"});
  auto state = cell.initial_state(golden_array(golden, "x").shape()[1]);
  state.c = golden_array(golden, "c0");
  state.past = linear(golden_array(golden, "x_before"), cell.weight_1);
  CHECK(distance(list(scan(cell, golden_array(golden, "x"), state).output), golden.at("out y").values) <
        1e-12);
}

TEST_CASE("authors' weights: the SRU gives the golden outputs, its columns in order of gates") {
  for (const auto& [name, golden] : golden_sru) {
    CAPTURE(name);
    const Golden w = golden_array(golden, "weight_ih"), c = golden_array(golden, "weight_c");
    const index_t hidden = c.size() / 2, input = w.shape()[1], gates = w.shape()[0] / hidden;
    AuthorsFile file;
    file.add("weight", reshape(permute(reshape(w, {gates, hidden, input}), {2, 1, 0}), {input, -1}))
        .add("weight_c", c)
        .add("bias", golden_array(golden, "bias"))
        .add("scale_x", Golden({1}, 1.3));
    const auto y = [&](auto cell) {
      load_authors_weights(cell, "sru", file.file());
      auto state = cell.initial_state(golden_array(golden, "x").shape()[1]);
      if (golden.contains("in c0")) state.c = golden_array(golden, "c0");
      ScanOptions options;
      if (golden.contains("lengths")) options.lengths = indices(golden.at("lengths"));
      return list(scan(cell, golden_array(golden, "x"), state, options).output);
    };
    Generator rng(1);
    const std::vector<double> found = name.starts_with("linear")
                                          ? y(SruCell<double, Identity>(input, hidden, true, rng, 1.3))
                                          : y(SruCell<double, Tanh>(input, hidden, true, rng, 1.3));
    CHECK(distance(found, golden.at("out y").values) < 1e-12);
  }
}

TEST_CASE(
    "authors' weights: all that is missing, unexpected or of another shape is listed, and nothing is "
    "changed") {
  const ReferenceCase golden = golden_lru();
  LruCell<double> cell(4, 4, LruOptions{.state_size = 5});
  const std::vector<double> before = all_numbers(cell);
  AuthorsFile file("lru.");
  file.add("theta_log", golden["theta_log"]).add("nu_log", golden["nu_log"]);
  file.draw("gamma_log", {4}).draw("B_re", {5, 4}).draw("B_im", {5, 3}).draw("C_re", {4, 5}).draw("E", {1});
  CHECK(message_of<DataError>([&] { load_authors_weights(cell, "lru", file.file(), {.prefix = "lru"}); }) ==
        "theirs.safetensors: does not fit the model: missing: lru.C_im, lru.D; unexpected: lru.E; of another "
        "shape: "
        "lru.gamma_log is (4,), not (5,), lru.B_im is (5, 3), not (5, 4)");
  CHECK(all_numbers(cell) == before);
  LruCell<double> wide(6, 6, LruOptions{.state_size = 5});
  AuthorsFile whole;
  for (const char* name : {"nu_log", "theta_log", "gamma_log", "B_re", "B_im", "C_re", "C_im", "D"})
    whole.add(name, golden[name]);
  CHECK(message_of<DataError>([&] { load_authors_weights(wide, "lru", whole.file()); }) ==
        "theirs.safetensors: does not fit the model: of another shape: weight_b, which is made of B_re, "
        "B_im, would be "
        "(10, 4), not (10, 6), weight_c_re, which is made of C_re, would be (4, 5), not (6, 5), weight_c_im, "
        "which is "
        "made of C_im, would be (4, 5), not (6, 5), d, which is made of D, would be (4,), not (6,)");
}

TEST_CASE(
    "authors' weights: what the cell has and the authors do not is missing; where not strict, it stays") {
  AuthorsFile file;
  file.draw("to_hidden_and_gate.weight", {6, 2});
  MinGruCell<double> cell(2, 3);
  const std::vector<double> bias = list(cell.bias);
  CHECK(message_of<DataError>([&] { load_authors_weights(cell, "min_gru", file.file()); }) ==
        "theirs.safetensors: does not fit the model: missing: bias");
  const StateMismatch rest = load_authors_weights(cell, "min_gru", file.file(), {.strict = false});
  CHECK(rest.missing == std::vector<std::string>{"bias"});
  CHECK(list(cell.weight) == list(file["to_hidden_and_gate.weight"]));
  CHECK(list(cell.bias) == bias);
}

TEST_CASE("authors' weights: a network that is not known is answered by those that are") {
  MinGruCell<float> cell(2, 3);
  const std::string message =
      message_of<UsageError>([&] { load_authors_weights(cell, "mingru", io::TensorFile("a")); });
  CHECK(
      message.starts_with("load_authors_weights: there is no network \"mingru\"; there are: cfc, co_rnn, "));
  const std::vector<std::string> all = authors_networks();
  CHECK(all.size() == 25);
  CHECK(std::is_sorted(all.begin(), all.end()));
}

TEST_CASE("authors' weights: integers where numbers belong are an error, and nothing is changed") {
  MinGruCell<float> cell(2, 1, false);
  const std::vector<double> before = all_numbers(cell);
  io::TensorFile file("theirs.safetensors");
  file.add<std::int32_t>("to_hidden_and_gate.weight", {2, 2}, std::vector<std::int32_t>{1, 2, 3, 4});
  CHECK(message_of<DataError>([&] { load_authors_weights(cell, "min_gru", file); }).find("is I32") !=
        std::string::npos);
  CHECK(all_numbers(cell) == before);
}
