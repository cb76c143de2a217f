// Plain text: its encoding, its symbols, and a vocabulary of it.

#include "unroll/data/text.hpp"

#include "fuzz.hpp"
#include "unroll/data/lower_case.hpp"
#include "unroll/data/symbols.hpp"
#include "unroll/data/utf8.hpp"

namespace {

using namespace unroll;

void check_symbols(const std::string& text, Level level) {
  std::string joined;
  for_each_symbol(text, level, [&](std::string_view symbol) {
    fuzz::require(!symbol.empty(), "no symbol is empty");
    joined += symbol;
  });
  fuzz::require(joined == text, "the symbols of a text are the text");
  const Vocabulary vocabulary(count_symbols(text, level));
  const Encoded encoded = encode_symbols(text, level, vocabulary);
  fuzz::require(encoded.unknown == 0, "a text's own vocabulary knows all of it");
  std::string decoded;
  for (const auto id : encoded.ids) decoded += vocabulary.symbol(id);
  fuzz::require(decoded == text, "a text is what its numbers stand for");
}

void check(std::string_view input, std::optional<Encoding> encoding) {
  const Text text = decode_text(input, "f", encoding);
  fuzz::require(!find_utf8_fault(text.characters), "characters are sound UTF-8");
  if (text.encoding == Encoding::bytes || text.notes.empty())
    fuzz::require(encode_text(text.characters, text.encoding) == input, "a text is written as it was read");
  fuzz::attempt([&] { return encode_text(text.characters, Encoding::bytes); });
  check_symbols(text.characters, Level::character);
  check_symbols(text.characters, Level::word);
  fuzz::require(count_characters(lower_case(text.characters)) == count_characters(text.characters),
                "small letters are as many as the capitals");
}

}  // namespace

UNROLL_FUZZ_TARGET(text) {
  check(input, {});
  check(input, Encoding::utf8);
  check(input, Encoding::bytes);
}
