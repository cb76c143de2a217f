#include "unroll/data/text_stream.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "temporary_folder.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/autograd/random.hpp"

using namespace unroll;

namespace {

/// What an error says; empty without one.
template <class F>
std::string stream_message(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

/// Texts that are hard to cut: faults, marks, line ends, characters of every length.
std::string odd_text(std::uint64_t seed) {
  static const std::vector<std::string> parts = {"a",
                                                 "bc\n",
                                                 "\r\n",
                                                 "\r",
                                                 "\xEF\xBB\xBF",
                                                 "\u00e9",
                                                 "\u20ac",
                                                 "\U0001F600",
                                                 "e\u0301",
                                                 "\xC3",
                                                 "\xF0\x9F",
                                                 "\xFF",
                                                 "\xED\xA0\x80",
                                                 "\u1100\u1161\u11a8",
                                                 "\u0327\u0301",
                                                 " "};
  Generator rng(seed);
  std::string text;
  for (int k = 0; k < 12; ++k) text += parts[rng.below(parts.size())];
  return text;
}

std::string decoded_in_pieces(const std::string& raw, Encoding encoding, std::size_t size,
                              std::vector<std::string>& notes) {
  TextDecoder decoder(encoding, "f");
  std::string characters;
  for (std::size_t at = 0; at < raw.size(); at += size)
    characters += decoder.decode(std::string_view(raw).substr(at, size), at + size >= raw.size());
  notes = decoder.notes();
  return characters;
}

}  // namespace

TEST_CASE("text stream: however a text is cut, it is decoded as the whole, with the same notes") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const std::string raw = odd_text(seed);
    for (const Encoding encoding : {Encoding::utf8, Encoding::bytes}) {
      const Text whole = decode_text(raw, "f", encoding);
      for (const std::size_t size : {1, 2, 3, 5}) {
        std::vector<std::string> notes;
        CHECK(decoded_in_pieces(raw, encoding, size, notes) == whole.characters);
        CHECK(notes == whole.notes);
      }
    }
  }
}

TEST_CASE("text stream: a file is what decode_text makes of it, also over the ends of pieces") {
  const TemporaryFolder folder;
  const std::string path = folder / "text";
  for (const std::string end : {"", "\xE9"}) {
    std::string raw = "\xEF\xBB\xBF" +
                      std::string((1 << 20) - 4, 'a');  // the next character lies across the end of a piece
    raw += "\u20ac\r\n" + std::string(1 << 20, 'b') + end;
    std::ofstream(path, std::ios::binary) << raw;
    const Text whole = decode_text(raw, path);
    const TextSource source = TextSource::of_file(path);
    TextStream stream(source);
    std::string characters;
    for (std::string piece; piece = stream.next(), !piece.empty();) characters += piece;
    CHECK(characters == whole.characters);
    CHECK(stream.encoding() == whole.encoding);
    CHECK(stream.notes() == whole.notes);
    CHECK(stream.position() == raw.size());
  }
}

TEST_CASE("text stream: a fault after many lines has the right line and offset") {
  std::string raw;
  for (int k = 0; k < 300000; ++k) raw += "line\n";
  raw += "ab\xC3";
  const auto fault = TextSource::of_bytes(raw, "f").find_fault();
  REQUIRE(fault);
  CHECK(fault->line == 300001);
  CHECK(fault->offset == 1500002);
  CHECK(find_utf8_fault(raw)->offset == fault->offset);
}

TEST_CASE("text stream: a pipe is read once and kept, and what is missing is told") {
  const TemporaryFolder folder;
  const std::string pipe = folder / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  std::thread writer([&] { std::ofstream(pipe) << "through a pipe"; });
  const TextSource source = TextSource::of_file(pipe);
  writer.join();
  CHECK(TextStream(source).next() == "through a pipe");
  CHECK(TextStream(source).next() == "through a pipe");
  CHECK_THROWS_AS(TextSource::of_file(folder / "nothing"), DataError);
  const TextSource empty = TextSource::of_bytes("", "f");
  CHECK(TextStream(empty).next().empty());
}

TEST_CASE("text stream: a file that is cut off while it is read is an error") {
  const TemporaryFolder folder;
  const std::string path = folder / "text";
  std::ofstream(path) << std::string(3 << 20, 'x');
  const TextSource source = TextSource::of_file(path);
  TextStream stream(source, Encoding::utf8);
  stream.next();
  std::filesystem::resize_file(path, 10);
  CHECK_THROWS_AS(stream.next(), DataError);
}

TEST_CASE("normalise: a letter and its mark become one character, in names and in pieces") {
  if (stream_message([] { Normaliser{Normalisation::nfc}; }) != "") return;  // built without utf8proc
  CHECK(normalise("cafe\u0301", Normalisation::nfc) == "caf\u00e9");
  CHECK(normalise("cafe\u0301", Normalisation::none) == "cafe\u0301");
  CHECK(normalise("\u1112\u1161\u11ab", Normalisation::nfc) == "\ud55c");
  CHECK(normalise("a\u0323\u0307", Normalisation::nfc) == normalise("a\u0307\u0323", Normalisation::nfc));
  CHECK(normalise("\u212b", Normalisation::nfc) == "\u00c5");
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const std::string text = decode_text(odd_text(seed), "f", Encoding::utf8).characters;
    Normaliser pieces(Normalisation::nfc);
    std::string result;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t length = code_point_at(text, at).length;
      result += pieces.add(text.substr(at, length), false);
      at += length;
    }
    result += pieces.add("", true);
    const std::string whole = normalise(text, Normalisation::nfc);
    CHECK(result == whole);
    CHECK(normalise(whole, Normalisation::nfc) == whole);
  }
}

TEST_CASE("normalise: a text of marks alone takes no time, and is the same however it is cut") {
  if (stream_message([] { Normaliser{Normalisation::nfc}; }) != "") return;
  std::string marks = "a";
  for (int k = 0; k < 20000; ++k) marks += k % 2 ? "\u0301" : "\u0323";
  Normaliser pieces(Normalisation::nfc);
  std::string result;
  for (std::size_t at = 1; at < marks.size(); at += 200)
    result += pieces.add(at == 1 ? marks.substr(0, 201) : marks.substr(at, 200), false);
  result += pieces.add("", true);
  CHECK(result == normalise(marks, Normalisation::nfc));
}

TEST_CASE("normalise: the forms have names") {
  CHECK(name_of(Normalisation::nfc) == "nfc");
  CHECK(normalisation_named("none") == Normalisation::none);
  CHECK(normalisation_named("nfc") == Normalisation::nfc);
  CHECK(stream_message([] { normalisation_named("nfd"); }) ==
        "normalisation: need 'none' or 'nfc'; got 'nfd'");
}
