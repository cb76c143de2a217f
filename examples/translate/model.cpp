#include "translate/model.hpp"

#include "common/options.hpp"
#include "unroll/autograd/error.hpp"

namespace unroll::translate {
namespace {

const std::map<std::string, Decoders>& models() {
  static const std::map<std::string, Decoders> all = {{"gru", gru_models()}, {"lstm", lstm_models()}};
  return all;
}

template <class Table>
const auto& named(const Table& table, const char* option, const std::string& name) {
  const auto found = table.find(name);
  if (found != table.end()) return found->second;
  raise<UsageError>("--{}: there is no '{}'; there are {}", option, name, program::names_of(table));
}

}  // namespace

bool is_cell(const std::string& name) { return models().contains(name); }
bool is_decoder(const std::string& name) { return models().begin()->second.contains(name); }

const std::string& cell_help() {
  static const std::string help = "recurrent cell: " + program::names_of(models());
  return help;
}
const std::string& decoder_help() {
  static const std::string help = "how the decoder attends: " + program::names_of(models().begin()->second) +
                                  "; plain: not at all, as --attention none";
  return help;
}

Translator::Translator(const std::string& cell, const std::string& decoder,
                       const EncoderDecoderOptions& options, Generator& rng)
    : model_(named(named(models(), "cell", cell), "decoder", decoder)(options, rng)) {}

}  // namespace unroll::translate
