#include <doctest/doctest.h>

#include "authors_file.hpp"
#include "golden_arrays.hpp"
#include "golden_slstm.hpp"
#include "unroll/autograd/axis_views.hpp"
#include "unroll/autograd/causal_conv1d.hpp"
#include "unroll/autograd/normalise.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/layers/xlstm.hpp"
#include "unroll/train/authors_weights.hpp"

using namespace unroll;
using namespace unroll::tests;

// The blocks are computed here as NX-AI/xlstm does, from the arrays under its names.

namespace {

using X = Variable<double>;
constexpr XlstmOptions two_heads_of_two{.heads = 2, .taps = 2};

const X& block_input() {
  static const X x = random_parameter({5, 2, 4}, 7).detach();
  return x;
}

void draw_mlstm(AuthorsFile& f, const std::string& block) {
  const std::string layer = block + "xlstm.", cell = layer + "mlstm_cell.";
  f.draw(block + "xlstm_norm.weight", {4}).draw(layer + "proj_up.weight", {16, 4});
  f.draw(layer + "conv1d.conv.weight", {8, 1, 2}).draw(layer + "conv1d.conv.bias", {8});
  for (const char* name : {"q_proj", "k_proj", "v_proj"}) f.draw(layer + name + ".weight", {2, 4, 4});
  for (const char* name : {"igate", "fgate"})
    f.draw(cell + name + ".weight", {2, 24}).draw(cell + name + ".bias", {2});
  f.draw(cell + "outnorm.weight", {8})
      .draw(layer + "learnable_skip", {8})
      .draw(layer + "proj_down.weight", {4, 8});
}
/// `kernel`: of the recurrent weight, which the code for GPUs has as (heads, in, 4 · out), that for CPUs turned.
void draw_slstm(AuthorsFile& f, const std::string& block, const Shape& kernel = {2, 2, 8}) {
  const std::string layer = block + "xlstm.";
  f.draw(block + "xlstm_norm.weight", {4}).draw(block + "ffn_norm.weight", {4});
  f.draw(layer + "conv1d.conv.weight", {4, 1, 2}).draw(layer + "conv1d.conv.bias", {4});
  for (const char* name : {"igate", "fgate", "zgate", "ogate"}) f.draw(layer + name + ".weight", {2, 2, 2});
  f.draw(layer + "slstm_cell._recurrent_kernel_", kernel).draw(layer + "slstm_cell._bias_", {16});
  f.draw(layer + "group_norm.weight", {4});
  f.draw(block + "ffn.proj_up.weight", {20, 4}).draw(block + "ffn.proj_down.weight", {4, 10});
}

X convolved(const AuthorsFile& f, const X& x) {
  const X w = f["xlstm.conv1d.conv.weight"];
  return silu(causal_conv1d(x, reshape(w, Shape{w.shape()[0], 2}), f["xlstm.conv1d.conv.bias"]).output);
}

X mlstm_block(const AuthorsFile& f, const X& x) {
  const auto uz =
      split(X(linear(layer_norm(x, X(1.0 + f["xlstm_norm.weight"])), f["xlstm.proj_up.weight"])), {8, 8}, -1);
  const X a = convolved(f, uz[0]);
  const X q = linear(a, f["xlstm.q_proj.weight"]), k = linear(a, f["xlstm.k_proj.weight"]),
          v = linear(uz[0], f["xlstm.v_proj.weight"]), all = concat({q, k, v}, 2);
  const auto gate = [&](const std::string& name) {
    const std::string whole = "xlstm.mlstm_cell." + name;
    return X(linear(all, f[whole + ".weight"], f[whole + ".bias"]));
  };
  const auto heads = [](const X& of) { return unroll::detail::by_heads(of, 2); };
  const X h =
      unroll::detail::mlstm_memory<double>({heads(q), heads(k), heads(v), gate("igate"), gate("fgate")},
                                           {X({2, 2, 4, 4}, 0.0), X({2, 2, 4}, 0.0), X({2, 2}, 0.0)}, {})
          .output;
  const X normed =
      group_norm(unroll::detail::without_heads(h), 2, X(1.0 + f["xlstm.mlstm_cell.outnorm.weight"]));
  const X read = (normed + f["xlstm.learnable_skip"] * a) * silu(uz[1]);
  return x + linear(read, f["xlstm.proj_down.weight"]);
}

X slstm_block(const AuthorsFile& f, const X& x) {
  const X n = layer_norm(x, X(1.0 + f["xlstm_norm.weight"])), a = convolved(f, n);
  const auto gate = [&](const X& of, const char* name) {
    return X(linear(of, f[std::string("xlstm.") + name + ".weight"]));
  };
  SlstmCell<double> cell(16, 4, 2);
  const X identity = values({16, 16}, [] {
    std::vector<double> v(256, 0.0);
    for (std::size_t k = 0; k < 16; ++k) v[17 * k] = 1;
    return v;
  }());
  cell.weight_ih = identity;
  const X bias = f["xlstm.slstm_cell._bias_"], kernel = f["xlstm.slstm_cell._recurrent_kernel_"];
  cell.bias = reshape(permute(reshape(bias, {2, 4, 2}), {1, 0, 2}), {16});
  cell.weight_hh = permute(reshape(kernel, {2, 2, 4, 2}), {2, 0, 3, 1});  // heads, in, gate, out
  // Their fgate is what they use as i, and their igate as f.
  const X in = concat({gate(a, "fgate"), gate(a, "igate"), gate(n, "zgate"), gate(n, "ogate")}, 2);
  const X u = x + group_norm(scan(cell, in).output, 2, X(1.0 + f["xlstm.group_norm.weight"]));
  const auto both =
      split(X(linear(layer_norm(u, X(1.0 + f["ffn_norm.weight"])), f["ffn.proj_up.weight"])), {10, 10}, -1);
  return u + linear(X(gelu(both[0]) * both[1]), f["ffn.proj_down.weight"]);
}

XlstmOptions wide_options() {
  XlstmOptions options = two_heads_of_two;
  options.feed_forward = 10;
  return options;
}

}  // namespace

TEST_CASE("authors' xLSTM: both blocks compute what their code does") {
  AuthorsFile m, s;
  draw_mlstm(m, ""), draw_slstm(s, "");
  MlstmBlock<double> mlstm(4, two_heads_of_two);
  load_authors_weights(mlstm, "mlstm_block", m.file());
  CHECK(distance(list(scan(mlstm, block_input()).output), list(mlstm_block(m, block_input()))) < 1e-12);
  SlstmBlock<double> slstm(4, wide_options());
  load_authors_weights(slstm, "slstm_block", s.file());
  CHECK(distance(list(scan(slstm, block_input()).output), list(slstm_block(s, block_input()))) < 1e-12);
}

TEST_CASE("authors' xLSTM: a stack takes each kind of block from its own places") {
  AuthorsFile f("xlstm_block_stack.");
  draw_mlstm(f, "blocks.0."), draw_slstm(f, "blocks.1."), draw_mlstm(f, "blocks.10."),
      f.draw("post_blocks_norm.weight", {4});
  XlstmOptions options = wide_options();
  options.pattern = "msm";
  XlstmCell<double> stack(4, 4, options);
  load_authors_weights(stack, "xlstm", f.file(), {.prefix = "xlstm_block_stack"});
  X x = block_input();
  for (const char* block : {"blocks.0.", "blocks.1.", "blocks.10."}) {
    f.prefix(std::string("xlstm_block_stack.") + block);
    x = block[7] == '1' && block[8] == '.' ? slstm_block(f, x) : mlstm_block(f, x);
  }
  f.prefix("xlstm_block_stack.");
  const X expected = layer_norm(x, X(1.0 + f["post_blocks_norm.weight"]));
  CHECK(distance(list(scan(stack, block_input()).output), list(expected)) < 1e-12);

  options.pattern = "mmm";
  XlstmCell<double> other(4, 4, options);
  const std::string message = message_of<DataError>(
      [&] { load_authors_weights(other, "xlstm", f.file(), {.prefix = "xlstm_block_stack"}); });
  CHECK(message.find("missing: xlstm_block_stack.blocks.*.xlstm_norm.weight") != std::string::npos);
  CHECK(message.find("unexpected: xlstm_block_stack.blocks.1.ffn.proj_down.weight") != std::string::npos);
}

TEST_CASE("authors' xLSTM: the recurrent weight of the code for CPUs gives the golden outputs") {
  const GoldenArrays& golden = golden_slstm.at("plain_carried");
  const X w = variable(golden.at("in weight_hh")).detach();  // gate, head, out, in
  const index_t heads = w.shape()[1], size = w.shape()[2], hidden = heads * size;
  CHECK(hidden == 4);  // as draw_slstm has it
  AuthorsFile drawn, f;
  draw_slstm(drawn, "", {heads, 4 * size, size});
  for (const std::string& name : drawn.file().names())
    if (name.find("slstm_cell") == std::string::npos) f.add(name, drawn[name]);
  f.add("xlstm.slstm_cell._recurrent_kernel_", reshape(permute(w, {1, 0, 2, 3}), {heads, 4 * size, size}));
  f.add("xlstm.slstm_cell._bias_", variable(golden.at("in bias")));
  XlstmOptions options = wide_options();
  options.heads = heads;
  SlstmBlock<double> block(hidden, options);
  load_authors_weights(block, "slstm_block_vanilla", f.file());
  const X x = variable(golden.at("in x")).detach();
  const X gates = linear(x, variable(golden.at("in weight_ih")).detach(), block.bias);
  const auto state = [&](const char* name) { return variable(golden.at(name)).detach(); };
  const SlstmState<double> start{state("in h0"), state("in c0"), state("in n0"), state("in m0")};
  CHECK(distance(list(scan(block.unit, gates, start).output), golden.at("out y").values) < 1e-12);
}
