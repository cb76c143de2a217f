#include <numeric>

#include "common/make_recurrent.hpp"
#include "unroll/layers/co_rnn.hpp"
#include "unroll/layers/ind_rnn.hpp"
#include "unroll/layers/lem.hpp"
#include "unroll/layers/mogrifier_lstm.hpp"
#include "unroll/layers/multiplicative_lstm.hpp"
#include "unroll/layers/qrnn.hpp"
#include "unroll/layers/slstm.hpp"
#include "unroll/layers/sru.hpp"

namespace unroll::program {

namespace {

// Four heads, or as many as divide the hidden size.
AnyRecurrent<float> make_slstm(const CellOptions& o, Generator& rng) {
  return Slstm<float>(o.input, o.hidden, std::gcd(o.hidden, index_t{4}), recurrent_options(o), rng);
}
AnyRecurrent<float> make_mogrifier(const CellOptions& o, Generator& rng) {
  return MogrifierLstm<float>(o.input, o.hidden, 5, recurrent_options(o), rng);
}

}  // namespace

CellKinds recent_cells() {
  return {{"slstm", {make_slstm, 4, 1}},
          {"mogrifier-lstm", {make_mogrifier, 9, 4}},
          {"multiplicative-lstm", {make_recurrent<MultiplicativeLstm<float>>, 5, 5}},
          {"qrnn", {make_recurrent<Qrnn<float>>, 6, 0}},
          {"sru", {make_recurrent<Sru<float>>, 3, 0}},  // 4 where input and hidden size differ
          {"indrnn", {make_recurrent<IndRnn<float>>, 1, 0}},
          {"cornn", {make_recurrent<CoRnn<float>>, 1, 2}},
          {"lem", {make_recurrent<Lem<float>>, 4, 4}}};
}

}  // namespace unroll::program
