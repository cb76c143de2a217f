#pragma once
/// \file A trained network as one C file: `export_c(std::tie(gru, readout), "model.c");`.

#include <optional>

#include "unroll/detail/export/c_parts.hpp"

namespace unroll {

/// Where the file's exp, tanh, σ and the like come from.
enum class CMath {
  exact,  ///< libm
  fast    ///< polynomials in the file, at most 2e-7 off (erf 3e-7), for values up to 1; no libm
};

struct CExportOptions {
  std::string name = {};      ///< what all names begin with; empty: the file's, made a word of C
  CMath math = CMath::exact;  ///< see there
  bool jacobian = false;      ///< also NAME_step_jacobian
  std::vector<std::string> notes =
      {};  ///< lines for the head of the file, such as options and loss of the run
};

namespace detail {
/// A network without its types.
template <class T>
struct CNetwork {
  std::vector<CPart<T>> parts;
  std::optional<Embedding<T>> embedding;
};
template <class T>
void export_network(const CNetwork<T>& network, const std::string& path, const CExportOptions& options);
extern template void export_network(const CNetwork<float>&, const std::string&, const CExportOptions&);
extern template void export_network(const CNetwork<double>&, const std::string&, const CExportOptions&);

/// \cond
template <class Part, class... More>
struct CNumber : CNumber<More...> {};
template <class Part, class... More>
requires CarriesState<Part>
struct CNumber<Part, More...> {
  using type = typename Part::value_type;
};
/// \endcond

template <class T, class... Parts>
CNetwork<T> c_network(const std::tuple<Parts...>& parts) {
  CNetwork<T> network;
  std::size_t number = 0;
  const auto add = [&](const auto& part) {
    using Part = std::decay_t<decltype(part)>;
    if constexpr (IsEmbedding<Part>::value) {
      if (number > 0) raise<UsageError>("export_c: an embedding must be the first part");
      network.embedding = part;
    } else {
      network.parts.push_back(c_part<T>(part, number));
    }
    ++number;
  };
  std::apply([&](const auto&... part) { (add(part), ...); }, parts);
  return network;
}
}  // namespace detail

/// What:   writes a C99 file and, beside it, its header: one step of the parts, one applied to the output of the other, in
///         evaluation mode, with their weights as constants:
///         `NAME_reset(NAME_state*)`, `NAME_step(NAME_state*, const float* x, float* y)`. There is no allocation, no variable
///         that changes, and no dependency but libm, or none at all. Any number of states can be used by any threads.
/// Shapes: x has the inputs of the first part, y the outputs of the last one. Of cells that take several inputs, all of them
///         one after another. An Embedding as the first part makes of x the number of a symbol: `int symbol`.
///
/// Parts are recurrent layers, AnyRecurrent, modules such as Linear, and functions of a Variable (1, H), such as lambdas
/// that scale the output. The file is made from the ops of a step, whatever the cell.
/// Errors: UsageError for what looks ahead (bidirectional layers), for layers in training mode, and for ops that cannot be
///         written as C, by name; DataError where the files cannot be written, which are written whole or not at all.
template <class... Parts>
void export_c(const std::tuple<Parts...>& parts, const std::string& path,
              const CExportOptions& options = {}) {
  using T = typename detail::CNumber<std::decay_t<Parts>...>::type;
  detail::export_network<T>(detail::c_network<T>(parts), path, options);
}
/// The same of a recurrent layer alone.
template <detail::CarriesState Net>
void export_c(const Net& net, const std::string& path, const CExportOptions& options = {}) {
  export_c(std::tie(net), path, options);
}

}  // namespace unroll
