#pragma once
/// \file Weights that the authors of a network have published, or that were trained with their code.

#include <string>
#include <string_view>
#include <vector>

#include "unroll/train/weights.hpp"

namespace unroll {

namespace detail {
/// The file with the arrays of these members under their names, made from those of the authors; `differences` in their names.
template <class T>
io::TensorFile from_authors(const Members<T>& members, std::string_view network, const io::TensorFile& file,
                            const WeightOptions& options, StateMismatch& differences);
}  // namespace detail

/// The networks of load_authors_weights, in the order of the alphabet.
std::vector<std::string> authors_networks();

/// Reads the weights of a cell, or of a whole xLSTM or RWKV-7, from a file in which names, shapes, and the order of gates are
/// those of the code of the network's authors; docs/from_pytorch.md lists that code, and what a cell must be told so that it
/// computes the same.
///
///     KdaCell<float> cell(1024, 1024, {.heads = 8, .rank = 128});
///     load_authors_weights(cell, "kda", io::read_safetensors("model.safetensors"), {.prefix = "model.layers.0.attn"});
///
/// A layer is read cell by cell: net.cell(0), …. What the code keeps beside its weights, masks and such, is passed over.
/// tools/torch_state_dict.py makes the file from a .pt or .pth file. Returns the names in which cell and file differ, the
/// authors' where they have one: none where strict.
/// Errors: UsageError for a network that is not among authors_networks(); DataError that begins with the file's name and lists
///         names that are missing, names that are unexpected, and shapes that do not fit each other or the cell (those also
///         where not strict); nothing is changed then.
/// Cost:   8 bytes for each weight, besides the file.
template <Module M>
StateMismatch load_authors_weights(M& module, std::string_view network, const io::TensorFile& file,
                                   const WeightOptions& options = {}) {
  StateMismatch differences;
  load_weights(module, detail::from_authors(detail::members(module), network, file, options, differences),
               {.prefix = {}, .strict = false});
  return differences;
}

}  // namespace unroll
