#include "unroll/detail/train/authors_table.hpp"

namespace unroll::detail {
namespace {

using Rows = std::vector<AuthorsRow>;

/// A network whose names are those of one module.
AuthorsNetwork flat(std::string_view name, std::string_view code, Rows rows,
                    std::vector<std::string_view> beside = {}) {
  return {name, code, {{"", "", "", std::move(rows)}}, std::move(beside)};
}

// clang-format off
/// Short convolutions of q, k and v, in flash-linear-attention: of queries and keys (h), of values (v).
AuthorsRow three_convolutions(std::string_view values) {
  return {"convolution.weight", {{"q_conv1d.weight", "h 1 k -> h k"}, {"k_conv1d.weight", "h 1 k -> h k"},
                                 {"v_conv1d.weight", values}}};
}
AuthorsRow three_projections(std::string_view values) {
  return {"weight_in", {{"q_proj.weight", "h i"}, {"k_proj.weight", "h i"}, {"v_proj.weight", values}}};
}

std::vector<AuthorsNetwork> flash_linear_attention() {
  const std::string_view code = "fla-org/flash-linear-attention";
  return {
    flat("delta_net", code, {
      three_projections("h i"), three_convolutions("h 1 k -> h k"),
      {"weight_beta", {{"b_proj.weight", "n i"}}},
      {"norm.weight", {{"o_norm.weight", "d"}}},
      {"weight_z", {{"g_proj.weight", "h i"}}},
      {"weight_out", {{"o_proj.weight", "o h"}}}}),
    flat("gated_delta", code, {
      three_projections("h i"), three_convolutions("h 1 k -> h k"),
      {"weight_gates", {{"b_proj.weight", "n i"}, {"a_proj.weight", "n i"}}},
      {"bias_decay", {{"dt_bias", "n"}}},
      {"log_rate", {{"A_log", "n"}}},
      {"norm.weight", {{"o_norm.weight", "d"}}},
      {"weight_z", {{"g_proj.weight", "h i"}}},
      {"weight_out", {{"o_proj.weight", "o h"}}}}),
    flat("gla", code, {
      {"weight_in", {{"q_proj.weight", "h i"}, {"k_proj.weight", "h i"}, {"v_proj.weight", "h i"},
                     {"g_proj.weight", "h i"}}},
      {"weight_decay", {{"gk_proj.0.weight", "r i"}}},
      {"linear_decay.weight", {{"gk_proj.1.weight", "h r"}}},
      {"linear_decay.bias", {{"gk_proj.1.bias", "h"}}},
      {"norm.weight", {{"g_norm_swish_gate.weight", "d"}}},
      {"weight_out", {{"o_proj.weight", "o h"}}}}),
    flat("hgrn2", code, {
      {"weight_in", {{"q_proj.weight", "h i"}, {"f_proj.weight", "h i"}, {"i_proj.weight", "h i"}}},
      {"norm.weight", {{"g_norm.weight", "h"}}},
      {"weight_out", {{"o_proj.weight", "o h"}}}}),
    flat("kda", code, {
      three_projections("v i"), three_convolutions("v 1 k -> v k"),
      {"weight_gates", {{"f_proj.0.weight", "r i"}, {"g_proj.0.weight", "r i"}, {"b_proj.weight", "n i"}}},
      {"linear_decay.weight", {{"f_proj.1.weight", "v r"}}},
      {"linear_decay.bias", {{"dt_bias", "v"}}},
      {"log_rate", {{"A_log", "n"}}},
      {"norm.weight", {{"o_norm.weight", "d"}}},
      {"linear_gate.weight", {{"g_proj.1.weight", "v r"}}},
      {"linear_gate.bias", {{"g_proj.1.bias", "v"}}},
      {"weight_out", {{"o_proj.weight", "o v"}}}}),
    flat("ret_net", code, {  // the norm has no scale here: W_o takes it
      {"weight_in", {{"q_proj.weight", "h i"}, {"k_proj.weight", "h i"}, {"v_proj.weight", "h i"},
                     {"g_proj.weight", "h i"}}},
      {"weight_out", {{"o_proj.weight", "o (n d)"}}, {}, {{"g_norm_swish_gate.weight", "d -> (n d)"}}}},
      {"rotary.inv_freq"}),
  };
}

std::vector<AuthorsNetwork> state_spaces() {
  const std::string_view code = "state-spaces/mamba";
  const AuthorsRow kernel{"convolution.weight", {{"conv1d.weight", "c 1 k -> c k"}}},
      bias{"convolution.bias", {{"conv1d.bias", "c"}}};
  return {
    flat("mamba", code, {
      {"weight_in", {{"in_proj.weight", "(2 c) i"}}}, kernel, bias,
      {"weight_select", {{"x_proj.weight", "s c"}}},
      {"linear_delta.weight", {{"dt_proj.weight", "c r"}}},
      {"linear_delta.bias", {{"dt_proj.bias", "c"}}},
      {"log_a", {{"A_log", "c n"}}},
      {"skip", {{"D", "c"}}},
      {"weight_out", {{"out_proj.weight", "h c"}}}}),
    flat("mamba2", code, {
      {"weight_in", {{"in_proj.weight", "w i"}}}, kernel, bias,
      {"bias_delta", {{"dt_bias", "n"}}},
      {"log_a", {{"A_log", "n"}}},
      {"skip", {{"D", "n"}}},
      {"weight_norm", {{"norm.weight", "d"}}},
      {"weight_out", {{"out_proj.weight", "h d"}}}}),
    flat("lru", "NicolasZucchet/minimal-LRU", {
      {"nu", {{"nu_log", "n"}}},
      {"theta", {{"theta_log", "n"}}},
      {"gamma", {{"gamma_log", "n"}}},
      {"weight_b", {{"B_re", "n i"}, {"B_im", "n i"}}},
      {"weight_c_re", {{"C_re", "h n"}}},
      {"weight_c_im", {{"C_im", "h n"}}},
      {"d", {{"D", "h"}}}}),
  };
}

/// The RG-LRU by itself, or in Griffin's block.
Rows rg_lru(bool block) {
  return {
    {block ? "unit.weight_gates" : "weight_gates",
     {{block ? "rg_lru.input_gate.w" : "input_gate.w", "n b c -> 1 n c b"},
      {block ? "rg_lru.a_gate.w" : "a_gate.w", "n b c -> 1 n c b"}}},
    {block ? "unit.bias_gates" : "bias_gates",
     {{block ? "rg_lru.input_gate.b" : "input_gate.b", "n c -> (n c)"},
      {block ? "rg_lru.a_gate.b" : "a_gate.b", "n c -> (n c)"}}},
    {block ? "unit.lambda" : "lambda", {{block ? "rg_lru.a_param" : "a_param", "(n c)"}}}};
}

std::vector<AuthorsNetwork> gated_cells() {
  Rows griffin = rg_lru(true);
  griffin.insert(griffin.end(), {
    {"linear_in.weight", {{"linear_x.weight", "h i"}, {"linear_y.weight", "h i"}}},
    {"linear_in.bias", {{"linear_x.bias", "h"}, {"linear_y.bias", "h"}}},
    {"convolution.weight", {{"conv_1d.w", "k h -> h k"}}},
    {"convolution.bias", {{"conv_1d.b", "h"}}},
    {"linear_out.weight", {{"linear_out.weight", "o h"}}},
    {"linear_out.bias", {{"linear_out.bias", "o"}}}});
  return {
    flat("griffin", "google-deepmind/recurrentgemma", std::move(griffin)),
    flat("rg_lru", "google-deepmind/recurrentgemma", rg_lru(false)),
    flat("min_gru", "lucidrains/minGRU-pytorch", {
      {"weight", {{"to_hidden_and_gate.weight", "(2 h) i"}}}}),
    flat("min_lstm", "lucidrains/minGRU-pytorch", {
      {"weight", {{"to_hidden_and_f_i_gate.weight", "(3 h) i"}}}}),
    flat("qrnn", "salesforce/pytorch-qrnn", {
      {"weight_0", {{"linear.weight", "g (2 i) -> g i"}}},
      {"weight_1", {{"linear.weight", "g (2 i) -> g i", 1}}},
      {"bias", {{"linear.bias", "g"}}}}),
    flat("sru", "asappresearch/sru", {
      {"weight_c", {{"weight_c", "(2 h)"}}},
      {"bias", {{"bias", "(2 h)"}}},
      {"weight_ih", {{"weight", "i (h k) -> (k h) i"}}}}, {"scale_x"}),
    flat("co_rnn", "tk-rusch/coRNN", {
      {"bias", {{"i2h.bias", "h"}}},
      {"weight_ih", {{"i2h.weight", "h (i:h:h) -> h i", 0}}},
      {"weight_zh", {{"i2h.weight", "z (i:h:h) -> z h", 1}}},
      {"weight_hh", {{"i2h.weight", "z (i:h:h) -> z h", 2}}}}),
    flat("lem", "tk-rusch/LEM", {
      {"weight_zh", {{"transform_z.weight", "z h"}}},
      {"weight_ih", {{"inp2hid.weight", "(4 h) i"}}},
      {"weight_hh", {{"hid2hid.weight", "(3 h) y"}}},
      {"bias", {{"inp2hid.bias", "(4 h)"}},
       {{"hid2hid.bias", "(3 h) -> h", 0}, {"hid2hid.bias", "(3 h) -> h", 1}, {"transform_z.bias", "h"},
        {"hid2hid.bias", "(3 h) -> h", 2}}}}),
    flat("cfc", "mlech26l/ncps", {
      {"bias_out", {{"ff1.bias", "h"}, {"ff2.bias", "h"}, {"time_a.bias", "h"}, {"time_b.bias", "h"}}},
      {"weight_out", {{"ff1.weight", "h u"}, {"ff2.weight", "h u"}, {"time_a.weight", "h u"},
                      {"time_b.weight", "h u"}}},
      {"weight_ih", {{"backbone.0.weight", "u (i:h) -> u i"}}},
      {"weight_hh", {{"backbone.0.weight", "u (i:h) -> u h", 1}}},
      {"bias", {{"backbone.0.bias", "u"}}},
      {"weights.0", {{"backbone.2.weight", "u v"}}}, {"biases.0", {{"backbone.2.bias", "u"}}},
      {"weights.1", {{"backbone.4.weight", "u v"}}}, {"biases.1", {{"backbone.4.bias", "u"}}},
      {"weights.2", {{"backbone.6.weight", "u v"}}}, {"biases.2", {{"backbone.6.bias", "u"}}}}),
  };
}

Rows rwkv7_time() {
  return {
    {"mix", {{"x_r", "1 1 i -> 1 i"}, {"x_w", "1 1 i -> 1 i"}, {"x_k", "1 1 i -> 1 i"}, {"x_v", "1 1 i -> 1 i"},
             {"x_a", "1 1 i -> 1 i"}, {"x_g", "1 1 i -> 1 i"}}},
    {"weight_r", {{"receptance.weight", "h i"}}},
    {"weight_k", {{"key.weight", "h i"}}},
    {"weight_v", {{"value.weight", "h i"}}},
    {"weight_decay", {{"w1", "i d -> d i"}}},
    {"linear_decay.weight", {{"w2", "d h -> h d"}}},
    {"linear_decay.bias", {{"w0", "1 1 h -> h"}}},
    {"weight_rate", {{"a1", "i a -> a i"}}},
    {"linear_rate.weight", {{"a2", "a h -> h a"}}},
    {"linear_rate.bias", {{"a0", "1 1 h -> h"}}},
    {"weight_value", {{"v1", "i v -> v i"}}},
    {"linear_value.weight", {{"v2", "v h -> h v"}}},
    {"linear_value.bias", {{"v0", "1 1 h -> h"}}},
    {"weight_gate", {{"g1", "i g -> g i"}}},
    {"linear_gate.weight", {{"g2", "g h -> h g"}}},
    {"key_direction", {{"k_k", "1 1 h -> h"}}},
    {"key_rate", {{"k_a", "1 1 h -> h"}}},
    {"bonus", {{"r_k", "n e"}}},
    {"norm.weight", {{"ln_x.weight", "h"}}},
    {"norm.bias", {{"ln_x.bias", "h"}}},
    {"weight_out", {{"output.weight", "o h"}}}};
}

std::vector<AuthorsNetwork> rwkv() {
  const std::string_view code = "BlinkDL/RWKV-LM";
  return {
    flat("rwkv7_time", code, rwkv7_time(), {"v0", "v1", "v2"}),
    {"rwkv7", code,
     {{"", "", "", {
        {"norm_in.weight", {{"blocks.0.ln0.weight", "h"}}}, {"norm_in.bias", {{"blocks.0.ln0.bias", "h"}}},
        {"norm_out.weight", {{"ln_out.weight", "h"}}}, {"norm_out.bias", {{"ln_out.bias", "h"}}}}},
      {"blocks.*.time.", "blocks.*.att.", "x_r", rwkv7_time()},
      {"blocks.*.", "blocks.*.", "att.x_r", {
        {"norm_time.weight", {{"ln1.weight", "h"}}}, {"norm_time.bias", {{"ln1.bias", "h"}}},
        {"norm_channel.weight", {{"ln2.weight", "h"}}}, {"norm_channel.bias", {{"ln2.bias", "h"}}},
        {"mix_channel", {{"ffn.x_k", "1 1 h -> h"}}},
        {"weight_up", {{"ffn.key.weight", "u h"}}},
        {"weight_down", {{"ffn.value.weight", "h u"}}}}}},
     {"blocks.0.att.v0", "blocks.0.att.v1", "blocks.0.att.v2", "emb.weight", "head.weight"}}};
}

/// A norm whose scale is kept less 1.
AuthorsRow from_one(std::string_view ours, std::string_view theirs, std::string_view axes) {
  return {ours, {{theirs, axes}}, {}, {}, 1};
}

Rows mlstm_block() {
  return {
    from_one("norm.weight", "xlstm_norm.weight", "h"),
    {"weight_up", {{"xlstm.proj_up.weight", "(2 w) h"}}},
    {"convolution.weight", {{"xlstm.conv1d.conv.weight", "w 1 k -> w k"}}},
    {"convolution.bias", {{"xlstm.conv1d.conv.bias", "w"}}},
    {"weight_qk", {{"xlstm.q_proj.weight", "b o i -> 1 b o i"}, {"xlstm.k_proj.weight", "b o i -> 1 b o i"}}},
    {"weight_v", {{"xlstm.v_proj.weight", "b o i"}}},
    {"weight_gates", {{"xlstm.mlstm_cell.igate.weight", "n (3 w)"}, {"xlstm.mlstm_cell.fgate.weight", "n (3 w)"}}},
    {"bias_gates", {{"xlstm.mlstm_cell.igate.bias", "n"}, {"xlstm.mlstm_cell.fgate.bias", "n"}}},
    from_one("norm_heads.weight", "xlstm.mlstm_cell.outnorm.weight", "w"),
    {"skip", {{"xlstm.learnable_skip", "w"}}},
    {"weight_down", {{"xlstm.proj_down.weight", "h w"}}}};
}

/// `vanilla`: as their code for CPUs keeps it; that for GPUs has its numbers in another order.
Rows slstm_block(bool vanilla) {
  const std::string_view block = "n o d -> 1 n o d";
  return {
    from_one("norm.weight", "xlstm_norm.weight", "h"),
    {"convolution.weight", {{"xlstm.conv1d.conv.weight", "h 1 k -> h k"}}},
    {"convolution.bias", {{"xlstm.conv1d.conv.bias", "h"}}},
    {"weight_if", {{"xlstm.fgate.weight", block}, {"xlstm.igate.weight", block}}},  // their code takes one for the other
    {"weight_zo", {{"xlstm.zgate.weight", block}, {"xlstm.ogate.weight", block}}},
    {"unit.weight_hh", {{"xlstm.slstm_cell._recurrent_kernel_",
                         vanilla ? "n (4 o) d -> 4 n o d" : "n d (4 o) -> 4 n o d"}}},
    {"bias", {{"xlstm.slstm_cell._bias_", vanilla ? "(4 n o)" : "(n 4 o) -> (4 n o)"}}},
    from_one("norm_heads.weight", "xlstm.group_norm.weight", "h"),
    from_one("norm_feed_forward.weight", "ffn_norm.weight", "h"),
    {"weight_ff", {{"ffn.proj_up.weight", "(2 f) h"}}},
    {"weight_down", {{"ffn.proj_down.weight", "h f"}}}};
}

AuthorsNetwork xlstm(std::string_view name, bool vanilla) {
  return {name, "NX-AI/xlstm",
          {{"", "", "", {from_one("norm.weight", "post_blocks_norm.weight", "h")}},
           {"mlstm*.", "blocks.*.", "xlstm.learnable_skip", mlstm_block()},
           {"slstm*.", "blocks.*.", "xlstm.slstm_cell._bias_", slstm_block(vanilla)}}};
}

std::vector<AuthorsNetwork> nx_ai() {
  const std::string_view code = "NX-AI/xlstm";
  return {
    flat("mlstm_block", code, mlstm_block()),
    flat("slstm_block", code, slstm_block(false)),
    flat("slstm_block_vanilla", code, slstm_block(true)),
    xlstm("xlstm", false), xlstm("xlstm_vanilla", true)};
}
// clang-format on

}  // namespace

const std::vector<AuthorsNetwork>& authors_table() {
  static const std::vector<AuthorsNetwork> table = [] {
    std::vector<AuthorsNetwork> all;
    for (auto part : {flash_linear_attention(), state_spaces(), gated_cells(), rwkv(), nx_ai()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return table;
}

}  // namespace unroll::detail
