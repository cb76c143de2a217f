#include <algorithm>

#include "unroll/layers/xlstm.hpp"

namespace unroll {

template <class T>
XlstmCell<T>::XlstmCell(index_t input, index_t hidden, const XlstmOptions& o, Generator& rng)
    : pattern_(o.pattern) {
  detail::check_sizes({{"input", input}, {"hidden", hidden}});
  if (o.pattern.empty() || o.pattern.find_first_not_of("ms") != std::string::npos)
    raise<UsageError>("xlstm: need a pattern of the letters m and s, one for each block; got '{}'",
                      o.pattern);
  if (input != hidden) weight_in = detail::draw<T>({hidden, input}, input, rng);
  for (const char kind : o.pattern) {
    if (kind == 'm')
      mlstm.emplace_back(hidden, o, rng);
    else
      slstm.emplace_back(hidden, o, rng);
  }
  norm = LayerNorm<T>(hidden);
  norm.bias = {};
}

template <class T>
bool XlstmCell<T>::row_wise() const {
  const auto is = [](const auto& block) { return block.row_wise(); };
  return std::all_of(mlstm.begin(), mlstm.end(), is) && std::all_of(slstm.begin(), slstm.end(), is);
}

template <class T>
XlstmState<T> XlstmCell<T>::initial_state(index_t batch) const {
  State state{Variable<T>({batch, hidden_size()}, T{0})};
  for (const auto& block : mlstm) state.mlstm.push_back(block.initial_state(batch));
  for (const auto& block : slstm) state.slstm.push_back(block.initial_state(batch));
  for (auto& s : state.mlstm) s.h = {};
  for (auto& s : state.slstm) s.h = {};
  return state;
}

#define UNROLL_COMPILE_XLSTM(T)                                                        \
  template XlstmCell<T>::XlstmCell(index_t, index_t, const XlstmOptions&, Generator&); \
  template bool XlstmCell<T>::row_wise() const;                                        \
  template XlstmState<T> XlstmCell<T>::initial_state(index_t) const;
UNROLL_COMPILE_XLSTM(float)
UNROLL_COMPILE_XLSTM(double)

}  // namespace unroll
