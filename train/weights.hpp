#pragma once
/// \file Weights as files that PyTorch understands: its state dicts, stored as safetensors.
///
/// Names and shapes are PyTorch's for
///
///     Elman with Tanh or Relu, Irnn    nn.RNN
///     Lstm, LstmProjection             nn.LSTM, with proj_size
///     Gru                              nn.GRU
///     Linear, Embedding                nn.Linear, nn.Embedding
///     LayerNorm, GroupNorm, RMSNorm    nn.LayerNorm, nn.GroupNorm, nn.RMSNorm
///
/// with any layers and directions, for their cells (ElmanCell: nn.RNNCell …), and for modules of these whose
/// visit() gives members the names of the attributes in Python. Other layers are stored as well, but PyTorch
/// has none like them; what their authors have published is read by authors_weights.hpp. tools/torch_state_dict.py
/// turns such a file into a .pt file and back.

#include <filesystem>

#include "unroll/io/safetensors.hpp"
#include "unroll/layers/recurrent_options.hpp"
#include "unroll/train/state_dict.hpp"

namespace unroll {

/// Writes the parameters and buffers of a module, tied ones under each of their names; no counters and random
/// keys. With a prefix ("encoder.rnn") before every name.
/// Errors: DataError if the file cannot be written; it is then as it was.
template <Module M>
void save_weights(const M& module, const std::filesystem::path& path, const std::string& prefix = "") {
  io::TensorFile file(path.string());
  file.metadata().emplace("format", "pt");  // some readers of the format insist on it
  save_state(module, file, {.prefix = prefix, .parameters_only = true, .tied_names = true});
  io::write_safetensors(path, file);
}

struct WeightOptions {
  std::string prefix = {};  ///< where in the file: "encoder.rnn"; what is outside is left alone
  bool strict = true;       ///< names that are missing or unexpected are an error
};

/// Reads the parameters and buffers of a module from a file of float64, float32, float16 or bfloat16. Returns
/// the names in which the two differ: none where strict.
/// Errors: DataError that begins with the file's name and lists names that are missing, names that are
///         unexpected and shapes that differ (those also where not strict); nothing is changed then.
template <Module M>
StateMismatch load_weights(M& module, const io::TensorFile& file, const WeightOptions& options = {}) {
  return load_state(module, file,
                    {.prefix = options.prefix, .parameters_only = true, .strict = options.strict});
}
/// The same from the file of that name.
template <Module M>
StateMismatch load_weights(M& module, const std::filesystem::path& path, const WeightOptions& options = {}) {
  return load_weights(module, io::read_safetensors(path), options);
}

/// What a recurrent layer must be to take the weights that a file holds:
///
///     const RecurrentSizes s = recurrent_sizes(file, "encoder.rnn");
///     Lstm lstm(s.input, s.hidden, s.options);
///     load_weights(lstm, file, {.prefix = "encoder.rnn"});
struct RecurrentSizes {
  index_t gates = 0;              ///< blocks of rows: 1 for Elman, 3 for Gru, 4 for Lstm and LstmProjection
  index_t input = 0, hidden = 0;  ///< I and H
  index_t projection = 0;         ///< 0: none
  RecurrentOptions options = {};  ///< num_layers, bias and bidirectional; a file does not tell the others
};

/// Reads the sizes off the names and shapes of a file.
/// Errors: DataError that begins with the file's name where there is no recurrent layer under the prefix, and
///         lists the prefixes where there is one; or where its shapes are those of none.
RecurrentSizes recurrent_sizes(const io::TensorFile& file, const std::string& prefix = "");

}  // namespace unroll
