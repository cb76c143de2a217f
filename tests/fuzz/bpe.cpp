// Subwords: learned from a text, written, read again; and pairs from a file.

#include "unroll/data/bpe.hpp"

#include <nlohmann/json.hpp>

#include "fuzz.hpp"
#include "unroll/data/symbol_stream.hpp"
#include "unroll/data/text.hpp"
#include "unroll/io/json.hpp"

namespace {

using namespace unroll;

void check_learned(const std::string& text) {
  SymbolCounter counter(Level::subword);
  counter.add(text, true);
  const auto [vocabulary, pairs] = counter.pairs().learn({.vocabulary = 300});
  const Encoded encoded = encode_symbols(text, Level::subword, vocabulary, &pairs);
  fuzz::require(encoded.unknown == 0, "a text's own subwords are known");
  std::string written;
  for (const auto id : encoded.ids) written += vocabulary.symbol(id);
  fuzz::require(written == text, "the subwords of a text are the text");
  const BytePairs again = BytePairs::from_json(pairs.to_json(), vocabulary, "f");
  fuzz::require(again.pairs() == pairs.pairs(), "pairs are read as they were written");
}

/// `{"vocabulary": …, "pairs": […]}`, and a text that is cut by them.
void check_read(std::string_view input) {
  const auto document = io::parse_json(input, "f");
  const io::JsonValue all(*document, "f");
  const Vocabulary vocabulary = Vocabulary::from_json(all.at("vocabulary").json(), "f");
  const BytePairs pairs = BytePairs::from_json(all.at("pairs").json(), vocabulary, "f");
  const std::string text = all.contains("text") ? all.at("text").text() : std::string(input);
  const std::string piece = text.substr(0, 1000);
  std::string joined;
  for (const auto& part : pairs.split(piece, vocabulary)) joined += part.text;
  fuzz::require(joined == piece, "the parts of a piece are the piece");
}

}  // namespace

UNROLL_FUZZ_TARGET(bpe) {
  fuzz::attempt([&] { return check_read(input), 0; });
  check_learned(decode_text(input, "f").characters);
}
