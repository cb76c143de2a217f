// Texts that come in pieces: they are what they are as a whole.

#include "unroll/data/text_stream.hpp"

#include "fuzz.hpp"
#include "unroll/data/symbol_stream.hpp"

namespace {

using namespace unroll;

void check_pieces(std::string_view raw, Encoding encoding, std::size_t size) {
  const Text whole = decode_text(raw, "f", encoding);
  const std::string normal = normalise(whole.characters, Normalisation::nfc);
  TextDecoder decoder(encoding, "f");
  Normaliser normaliser(Normalisation::nfc);
  SymbolSplitter words(Level::word), subwords(Level::subword);
  std::string characters, normalised, joined_words, joined_subwords;
  for (std::size_t at = 0; at == 0 || at < raw.size(); at += size) {
    const bool last = at + size >= raw.size();
    const std::string piece = decoder.decode(raw.substr(at, size), last), after = normaliser.add(piece, last);
    characters += piece, normalised += after;
    words.add(after, last, [&](std::string_view symbol) { joined_words += symbol; });
    subwords.add(after, last, [&](std::string_view symbol) { joined_subwords += symbol; });
  }
  fuzz::require(characters == whole.characters && decoder.notes() == whole.notes,
                "pieces are decoded as the whole");
  fuzz::require(normalised == normal, "pieces are normalised as the whole");
  if (normal.size() <= 128)  // no run of marks is normalised in parts
    fuzz::require(normalise(normal, Normalisation::nfc) == normal, "a normal form is its own");
  fuzz::require(joined_words == normal && joined_subwords == normal, "the symbols of a text are the text");
}

}  // namespace

UNROLL_FUZZ_TARGET(text_stream) {
  fuzz::Bytes bytes(input);
  const auto size = static_cast<std::size_t>(1 + bytes.below(17));
  for (const Encoding encoding : {Encoding::utf8, Encoding::bytes})
    check_pieces(bytes.rest(), encoding, size);
  const TextSource source = TextSource::of_file(fuzz::file_of(input));
  TextStream stream(source);
  std::string characters;
  for (std::string piece; piece = stream.next(), !piece.empty();) characters += piece;
  const Text whole = decode_text(input, source.name());
  fuzz::require(characters == whole.characters && stream.notes() == whole.notes,
                "a file is decoded as its bytes");
}
