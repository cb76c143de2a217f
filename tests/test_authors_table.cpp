#include "unroll/detail/train/authors_table.hpp"

#include <doctest/doctest.h>

#include "authors_file.hpp"
#include "golden_rwkv7.hpp"
#include "unroll/autograd/axis_views.hpp"
#include "unroll/autograd/causal_conv1d.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/normalise.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/selective_scan.hpp"
#include "unroll/layers/cfc.hpp"
#include "unroll/layers/co_rnn.hpp"
#include "unroll/layers/delta_net.hpp"
#include "unroll/layers/gated_delta.hpp"
#include "unroll/layers/gla.hpp"
#include "unroll/layers/griffin.hpp"
#include "unroll/layers/hgrn2.hpp"
#include "unroll/layers/kda.hpp"
#include "unroll/layers/lem.hpp"
#include "unroll/layers/mamba.hpp"
#include "unroll/layers/mamba2.hpp"
#include "unroll/layers/ret_net.hpp"
#include "unroll/layers/rwkv7.hpp"
#include "unroll/train/authors_weights.hpp"

using namespace unroll;
using namespace unroll::tests;

// Each network is computed here as its authors' code does, from the arrays under their names, projection by projection.

namespace {

using A = Variable<double>;
using Rule = LinearAttentionRule;

const A& layer_input() {
  static const A x = random_parameter({5, 2, 3}, 7).detach();  // T, B, I
  return x;
}
A by_two_heads(const A& x) { return unroll::detail::by_heads(x, 2); }
A joined_heads(const A& x) { return unroll::detail::without_heads(x); }

A projected(const AuthorsFile& f, const std::string& name) {
  return linear(layer_input(), f[name + ".weight"]);
}
/// Projection, short convolution over two steps, silu, by heads.
A short_convolved(const AuthorsFile& f, const std::string& which) {
  const A w = f[which + "_conv1d.weight"];
  const A kernel = reshape(w, Shape{w.shape()[0], w.shape()[2]});
  return by_two_heads(silu(causal_conv1d(projected(f, which + "_proj"), kernel).output));
}

/// The arrays of a layer of flash-linear-attention with 2 heads of 2: q_proj … with a short convolution.
AuthorsFile drawn_delta(bool decay) {
  AuthorsFile f("model.layers.0.attn.");
  for (const std::string which : {"q", "k", "v"})
    f.draw(which + "_proj.weight", {4, 3}).draw(which + "_conv1d.weight", {4, 1, 2});
  f.draw("b_proj.weight", {2, 3}).draw("o_norm.weight", {2}).draw("o_proj.weight", {4, 4});
  if (decay) f.draw("A_log", {2});
  return f;
}
/// The state's rule with what all delta networks do to q, k and v.
A delta_rule(const AuthorsFile& f, const A& decay) {
  return linear_attention(l2_normalise(short_convolved(f, "q")), l2_normalise(short_convolved(f, "k")),
                          short_convolved(f, "v"),
                          {.decay = decay,
                           .beta = sigmoid(projected(f, "b_proj")),
                           .rule = decay ? Rule::gated_delta : Rule::delta})
      .output;
}

template <class Cell>
void gives(Cell cell, const char* network, const AuthorsFile& file, const A& expected) {
  CAPTURE(network);
  load_authors_weights(
      cell, network, file.file(),
      {.prefix = file.file().names().front().starts_with("model.") ? "model.layers.0.attn" : ""});
  CHECK(distance(list(scan(cell, layer_input()).output), list(expected)) < 1e-12);
}

}  // namespace

TEST_CASE("authors' table: DeltaNet, Gated DeltaNet and KDA compute what their code does") {
  AuthorsFile f = drawn_delta(false);
  const A o = rms_norm(delta_rule(f, {}), f["o_norm.weight"], 1e-5);
  gives(DeltaNetCell<double>(3, 4, {.heads = 2, .taps = 2}), "delta_net", f,
        linear(joined_heads(o), f["o_proj.weight"]));
  f.draw("g_proj.weight", {4, 3});
  gives(DeltaNetCell<double>(3, 4, {.heads = 2, .taps = 2, .gate = true}), "delta_net", f,
        linear(A(joined_heads(o) * silu(projected(f, "g_proj"))), f["o_proj.weight"]));

  AuthorsFile g = drawn_delta(true);
  g.draw("a_proj.weight", {2, 3}).draw("dt_bias", {2}).draw("g_proj.weight", {4, 3});
  const A decay = -exp(g["A_log"]) * softplus(projected(g, "a_proj") + g["dt_bias"]);
  const A read =
      joined_heads(rms_norm(delta_rule(g, decay), g["o_norm.weight"], 1e-5)) * silu(projected(g, "g_proj"));
  gives(GatedDeltaCell<double>(3, 4, {.heads = 2, .taps = 2, .negative = false}), "gated_delta", g,
        linear(read, g["o_proj.weight"]));

  AuthorsFile k = drawn_delta(true);
  k.draw("f_proj.0.weight", {2, 3}).draw("f_proj.1.weight", {4, 2}).draw("dt_bias", {4});
  k.draw("g_proj.0.weight", {2, 3}).draw("g_proj.1.weight", {4, 2}).draw("g_proj.1.bias", {4});
  const A rate = softplus(linear(projected(k, "f_proj.0"), k["f_proj.1.weight"]) + k["dt_bias"]);
  const A by_key = -exp(reshape(k["A_log"], Shape{2, 1})) * by_two_heads(rate);
  const A gate = linear(projected(k, "g_proj.0"), k["g_proj.1.weight"], k["g_proj.1.bias"]);
  const A gated = joined_heads(rms_norm(delta_rule(k, by_key), k["o_norm.weight"], 1e-5)) * sigmoid(gate);
  gives(KdaCell<double>(3, 4, {.heads = 2, .rank = 2, .taps = 2}), "kda", k,
        linear(gated, k["o_proj.weight"]));
}

TEST_CASE("authors' table: GLA, retention and HGRN2 compute what their code does") {
  AuthorsFile f;
  for (const char* name : {"q_proj.weight", "k_proj.weight", "v_proj.weight", "g_proj.weight"})
    f.draw(name, {4, 3});
  f.draw("g_norm_swish_gate.weight", {2}).draw("o_proj.weight", {4, 4});
  const auto read = [&](const A& decay) {
    const A o = linear_attention(by_two_heads(projected(f, "q_proj")), by_two_heads(projected(f, "k_proj")),
                                 by_two_heads(projected(f, "v_proj")), {.decay = decay, .rule = Rule::gated})
                    .output;
    const A normed = joined_heads(rms_norm(o, f["g_norm_swish_gate.weight"], 1e-5));
    return A(linear(A(normed * silu(projected(f, "g_proj"))), f["o_proj.weight"]));
  };
  const A rates = A({5, 2, 2}, 0.0) + row({std::log(1 - 1.0 / 32), std::log(1 - 1.0 / 64)});
  gives(RetNetCell<double>(3, 4, {.heads = 2}), "ret_net", f, read(rates));
  f.draw("gk_proj.0.weight", {16, 3}).draw("gk_proj.1.weight", {4, 16}).draw("gk_proj.1.bias", {4});
  const A low = linear(projected(f, "gk_proj.0"), f["gk_proj.1.weight"], f["gk_proj.1.bias"]);
  gives(GlaCell<double>(3, 4, {.heads = 2}), "gla", f, read(by_two_heads(log_sigmoid(low) / 16.0)));

  AuthorsFile h;
  for (const char* name : {"q_proj.weight", "f_proj.weight", "i_proj.weight"}) h.draw(name, {4, 3});
  h.draw("g_norm.weight", {4}).draw("o_proj.weight", {4, 4});
  const A g = by_two_heads(log_sigmoid(projected(h, "f_proj")));
  const A o = linear_attention(by_two_heads(silu(projected(h, "q_proj"))), A(1.0 - exp(g)),
                               by_two_heads(projected(h, "i_proj")), {.decay = g, .rule = Rule::gated})
                  .output;
  gives(Hgrn2Cell<double>(3, 4, {.heads = 2}), "hgrn2", h,
        linear(rms_norm(joined_heads(o), h["g_norm.weight"], 1e-5), h["o_proj.weight"]));
}

TEST_CASE("authors' table: Mamba and Mamba-2 compute what their code does") {
  AuthorsFile f;
  f.draw("in_proj.weight", {8, 3}).draw("conv1d.weight", {4, 1, 2}).draw("conv1d.bias", {4});
  f.draw("x_proj.weight", {1 + 2 * 3, 4}).draw("dt_proj.weight", {4, 1}).draw("dt_proj.bias", {4});
  f.draw("A_log", {4, 3}).draw("D", {4}).draw("out_proj.weight", {2, 4});
  const auto xz = split(projected(f, "in_proj"), {4, 4}, -1);
  const A u = silu(causal_conv1d(xz[0], reshape(f["conv1d.weight"], Shape{4, 2}), f["conv1d.bias"]).output);
  const auto dbc = split(A(linear(u, f["x_proj.weight"])), {1, 3, 3}, -1);
  const A delta = softplus(linear(dbc[0], f["dt_proj.weight"]) + f["dt_proj.bias"]);
  const A y = selective_scan(u, delta, A(-exp(f["A_log"])), dbc[1], dbc[2]).output + f["D"] * u;
  gives(MambaCell<double>(3, 2, {.states = 3, .expand = 2, .taps = 2}), "mamba", f,
        linear(A(y * silu(xz[1])), f["out_proj.weight"]));

  AuthorsFile g;
  g.draw("in_proj.weight", {4 + 4 + 2 * 3 + 2, 3})
      .draw("conv1d.weight", {10, 1, 2})
      .draw("conv1d.bias", {10});
  g.draw("dt_bias", {2})
      .draw("A_log", {2})
      .draw("D", {2})
      .draw("norm.weight", {4})
      .draw("out_proj.weight", {2, 4});
  const auto zxt = split(projected(g, "in_proj"), {4, 10, 2}, -1);
  const A mixed =
      silu(causal_conv1d(zxt[1], reshape(g["conv1d.weight"], Shape{10, 2}), g["conv1d.bias"]).output);
  const auto xbc = split(mixed, {4, 3, 3}, -1);
  const A step = softplus(zxt[2] + g["dt_bias"]), x = by_two_heads(xbc[0]);
  const auto shared = [](const A& of) { return A(reshape(of, Shape{5, 2, 1, 3}) + A({2, 1}, 0.0)); };
  const A o = linear_attention(shared(xbc[2]), shared(xbc[1]), A(x * reshape(step, Shape{5, 2, 2, 1})),
                               {.decay = A(-exp(g["A_log"]) * step), .scale = 1.0, .rule = Rule::gated})
                  .output +
              reshape(g["D"], Shape{2, 1}) * x;
  gives(Mamba2Cell<double>(3, 2, {.states = 3, .expand = 2, .heads = 2, .taps = 2}), "mamba2", g,
        linear(rms_norm(A(joined_heads(o) * silu(zxt[0])), g["norm.weight"], 1e-5), g["out_proj.weight"]));
}

TEST_CASE("authors' table: Griffin's block computes what its code does") {
  AuthorsFile f;
  for (const char* name : {"linear_y", "linear_x"})
    f.draw(std::string(name) + ".weight", {4, 3}).draw(std::string(name) + ".bias", {4});
  f.draw("linear_out.weight", {4, 4})
      .draw("linear_out.bias", {4})
      .draw("conv_1d.w", {4, 4})
      .draw("conv_1d.b", {4});
  for (const char* name : {"rg_lru.input_gate", "rg_lru.a_gate"})
    f.draw(std::string(name) + ".w", {2, 2, 2}).draw(std::string(name) + ".b", {2, 2});
  f.draw("rg_lru.a_param", {4});
  const A y = gelu_tanh(projected(f, "linear_y") + f["linear_y.bias"]);
  const A u = causal_conv1d(A(projected(f, "linear_x") + f["linear_x.bias"]),
                            A(permute(f["conv_1d.w"], {1, 0})), f["conv_1d.b"])
                  .output;
  RgLruCell<double> unit(4, 4, {.heads = 2});
  load_authors_weights(unit, "rg_lru", f.file(), {.prefix = "rg_lru"});
  gives(GriffinCell<double>(3, 4, {.heads = 2}), "griffin", f,
        linear(A(y * scan(unit, u).output), f["linear_out.weight"], f["linear_out.bias"]));
}

TEST_CASE(
    "authors' table: coRNN, LEM and CfC compute what their code does, in their first step and with zeros "
    "before it") {
  const A x = select(layer_input(), 0, 0);
  const auto first_step = [&](auto cell, const char* network, const AuthorsFile& f, const A& expected) {
    CAPTURE(network);
    load_authors_weights(cell, network, f.file());
    CHECK(distance(list(select(scan(cell, layer_input()).output, 0, 0)), list(expected)) < 1e-12);
  };
  AuthorsFile f;
  f.draw("i2h.weight", {4, 3 + 4 + 4}).draw("i2h.bias", {4});
  const A pulled = tanh(linear(x, A(dense(slice(f["i2h.weight"], 1, 0, 3))), f["i2h.bias"]));
  first_step(CoRnnCell<double>(3, 4), "co_rnn", f, A(0.042 * 0.042 * pulled));

  AuthorsFile g;
  g.draw("inp2hid.weight", {16, 3}).draw("inp2hid.bias", {16}).draw("hid2hid.weight", {12, 4});
  g.draw("hid2hid.bias", {12}).draw("transform_z.weight", {4, 4}).draw("transform_z.bias", {4});
  const auto in = split(A(linear(x, g["inp2hid.weight"], g["inp2hid.bias"])), {4, 4, 4, 4}, -1);
  const auto hid = split(g["hid2hid.bias"], {4, 4, 4}, 0);
  const A z = sigmoid(in[1] + hid[1]) * tanh(in[3] + hid[2]);
  const A turned = linear(z, g["transform_z.weight"], g["transform_z.bias"]);
  first_step(LemCell<double>(3, 4), "lem", g, A(sigmoid(in[0] + hid[0]) * tanh(turned + in[2])));

  AuthorsFile c;
  c.draw("backbone.0.weight", {5, 3 + 4}).draw("backbone.0.bias", {5});
  c.draw("backbone.2.weight", {5, 5}).draw("backbone.2.bias", {5});
  for (const std::string name : {"ff1", "ff2", "time_a", "time_b"})
    c.draw(name + ".weight", {4, 5}).draw(name + ".bias", {4});
  const auto bent = [](const A& of) { return A(1.7159 * tanh(0.666 * of)); };
  A u = bent(linear(x, A(dense(slice(c["backbone.0.weight"], 1, 0, 3))), c["backbone.0.bias"]));
  u = bent(linear(u, c["backbone.2.weight"], c["backbone.2.bias"]));
  const auto of = [&](const std::string& name) {
    return A(linear(u, c[name + ".weight"], c[name + ".bias"]));
  };
  const A s = sigmoid(of("time_a") + of("time_b"));
  Generator rng(1);
  first_step(CfcCell<double>(3, 4, true, rng, {.units = 5, .layers = 2}), "cfc", c,
             A(tanh(of("ff1")) * (1.0 - s) + tanh(of("ff2")) * s));
}

TEST_CASE(
    "authors' table: RWKV-7's time mixing gives the golden outputs, from a state and behind a first layer") {
  const ReferenceCase golden = golden_rwkv7_layer();
  const index_t width = golden["x"].shape()[1], heads = golden["state0"].shape()[0];
  AuthorsFile f("blocks.1.att.");
  const auto row = [&](const char* name) { f.add(name, reshape(golden[name], Shape{1, 1, width})); };
  for (const char* name : {"x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "w0", "a0", "v0", "k_k", "k_a"})
    row(name);
  for (const char* name : {"w1", "w2", "a1", "a2", "v1", "v2", "g1", "g2"}) f.add(name, golden[name]);
  f.add("r_k", reshape(golden["r_k"], Shape{heads, width / heads}));
  f.add("ln_x.weight", golden["ln_w"])
      .add("ln_x.bias", golden["ln_b"])
      .add("receptance.weight", golden["W_r"]);
  f.add("key.weight", golden["W_k"]).add("value.weight", golden["W_v"]).add("output.weight", golden["W_o"]);
  Rwkv7Cell<double> cell(width, width, {.heads = heads, .rank = golden["w1"].shape()[1]},
                         {.layer = 1, .layers = 2});
  load_authors_weights(cell, "rwkv7_time", f.file(), {.prefix = "blocks.1.att"});
  const auto batched = [](const A& of) { return reshape(of, Shape{of.shape()[0], 1, of.shape()[1]}); };
  const A s0 = unsqueeze(A(permute(golden["state0"], {0, 2, 1})), 0);
  const RecurrenceOptions all;
  const auto mixed = cell.mixing(batched(golden["x"]), batched(golden["v_first"]),
                                 {{}, s0, reshape(golden["x_prev0"], Shape{1, width})}, &all);
  CHECK(distance(list(mixed.output), golden.output("y")) < 1e-12);
}

TEST_CASE(
    "authors' table: a whole RWKV-7 is read block by block, and what its first block does not use is passed "
    "over") {
  Generator rng(5);
  const Rwkv7Options sizes{.heads = 2, .rank = 2};
  const auto copied = [&](std::uint64_t seed) {
    Generator own(seed);
    return Rwkv7StackCell<double>(4, 4, 2, 0.0, sizes, own);
  };
  Rwkv7StackCell<double> ours = copied(1);
  AuthorsFile f;
  for (const char* norm : {"blocks.0.ln0", "ln_out"})
    f.draw(std::string(norm) + ".weight", {4}).draw(std::string(norm) + ".bias", {4});
  f.draw("emb.weight", {9, 4}).draw("head.weight", {9, 4});
  for (const std::string b : {"blocks.0.", "blocks.1."}) {
    for (const char* name :
         {"ln1.weight", "ln1.bias", "ln2.weight", "ln2.bias", "att.ln_x.weight", "att.ln_x.bias"})
      f.draw(b + name, {4});
    for (const char* name : {"x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "w0", "a0", "v0", "k_k", "k_a"})
      f.draw(b + "att." + name, {1, 1, 4});
    for (const char* name : {"w1", "a1", "v1", "g1"}) f.draw(b + "att." + name, {4, 2});
    for (const char* name : {"w2", "a2", "v2", "g2"}) f.draw(b + "att." + name, {2, 4});
    for (const char* name : {"receptance", "key", "value", "output"})
      f.draw(b + "att." + name + ".weight", {4, 4});
    f.draw(b + "att.r_k", {2, 2}).draw(b + "ffn.x_k", {1, 1, 4});
    f.draw(b + "ffn.key.weight", {16, 4}).draw(b + "ffn.value.weight", {4, 16});
  }
  CHECK(load_authors_weights(ours, "rwkv7", f.file()).missing.empty());
  const A x = random_parameter({5, 2, 4}, 3).detach();
  A h = layer_norm(x, f["blocks.0.ln0.weight"], f["blocks.0.ln0.bias"]), first;
  const RecurrenceOptions all;
  for (const index_t k : {0, 1}) {
    const std::string b = "blocks." + std::to_string(k) + ".";
    Rwkv7Cell<double> time(4, 4, sizes, {.layer = k, .layers = 2});
    load_authors_weights(time, "rwkv7_time", f.file(), {.prefix = b + "att"});
    const auto mixed = time.mixing(layer_norm(h, f[b + "ln1.weight"], f[b + "ln1.bias"]), first,
                                   time.initial_state(2), &all);
    if (k == 0) first = mixed.value;
    h = h + mixed.output;
    const A n = layer_norm(h, f[b + "ln2.weight"], f[b + "ln2.bias"]);
    const A before = concat({A({1, 2, 4}, 0.0), slice(n, 0, 0, 4)}, 0);
    const A up = square(relu(linear(A(n + (before - n) * f[b + "ffn.x_k"]), f[b + "ffn.key.weight"])));
    h = h + linear(up, f[b + "ffn.value.weight"]);
  }
  CHECK(distance(list(scan(ours, x).output), list(layer_norm(h, f["ln_out.weight"], f["ln_out.bias"]))) <
        1e-12);
}
