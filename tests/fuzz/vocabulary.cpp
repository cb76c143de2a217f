// Vocabularies: JSON from a file, and texts read with what it has made.

#include "unroll/data/vocabulary.hpp"

#include <nlohmann/json.hpp>

#include "fuzz.hpp"
#include "unroll/data/symbols.hpp"
#include "unroll/io/json.hpp"

namespace {

using namespace unroll;

Vocabulary read(std::string_view text) {
  const auto document = io::parse_json(text, "f");
  return Vocabulary::from_json(*document, "f");
}

void require_numbers(const Vocabulary& vocabulary) {
  for (std::int64_t id = 0; id < vocabulary.size(); ++id) {
    const std::string& symbol = vocabulary.symbol(id);
    const bool special = id == vocabulary.padding() || id == vocabulary.unknown() ||
                         id == vocabulary.start() || id == vocabulary.end();
    fuzz::require(special || vocabulary.find(symbol) == id, "a symbol has the number under which it stands");
  }
  fuzz::attempt([&] { return vocabulary.symbol(vocabulary.size()); });
}

}  // namespace

UNROLL_FUZZ_TARGET(vocabulary) {
  const Vocabulary vocabulary = read(input);
  require_numbers(vocabulary);
  const std::string written = vocabulary.to_json().dump();
  const Vocabulary again = read(written);
  fuzz::require(again.to_json().dump() == written, "a vocabulary is read as it was written");
  fuzz::require(again.unknown() == vocabulary.unknown() && again.end() == vocabulary.end(),
                "special symbols keep their numbers");
  for (const Level level : {Level::character, Level::word}) {
    const Encoded encoded = encode_symbols(written, level, vocabulary);  // it is sound UTF-8
    for (const std::int64_t id : encoded.ids) vocabulary.symbol(id);
    fuzz::require(encoded.unknown == 0 || !describe_unknown(encoded, level).empty(),
                  "unknown symbols are told");
  }
}
