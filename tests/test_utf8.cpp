#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "unroll/autograd/error.hpp"
#include "unroll/data/text.hpp"
#include "unroll/data/utf8.hpp"

using namespace unroll;

namespace {

std::u32string decoded(std::string_view text) {
  std::u32string points;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    REQUIRE(point.fault.empty());
    points += point.value;
    at += point.length;
  }
  return points;
}

std::string_view fault_of(std::string_view text) { return code_point_at(text, 0).fault; }

}  // namespace

TEST_CASE("utf8: one character of each length is read") {
  CHECK(decoded("a\u00e9\u20ac\U0001F600") == U"a\u00e9\u20ac\U0001F600");
  CHECK(decoded(std::string_view("\0x", 2)) == std::u32string({U'\0', U'x'}));
}

TEST_CASE("utf8: the first and the last code point of each length survive the way there and back") {
  for (const char32_t c : {0x0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF}) {
    std::string text;
    append_utf8(text, c);
    CHECK(decoded(text) == std::u32string(1, c));
  }
}

TEST_CASE("utf8: surrogates and values above U+10FFFF cannot be written") {
  std::string text;
  CHECK_THROWS_AS(append_utf8(text, 0xD800), IndexError);
  CHECK_THROWS_AS(append_utf8(text, 0xDFFF), IndexError);
  CHECK_THROWS_AS(append_utf8(text, 0x110000), IndexError);
  CHECK(text.empty());
}

TEST_CASE("utf8: each kind of fault is told apart") {
  CHECK(fault_of("\x80") == "a continuation byte without a first byte");
  CHECK(fault_of("\xFF") == "a byte that UTF-8 never uses");
  CHECK(fault_of("\xE2\x82") == "the text ends within a character");
  CHECK(fault_of("\xE2(\xA1") == "a continuation byte is missing");
  CHECK(fault_of("\xC0\xAF") == "an overlong form");
  CHECK(fault_of("\xE0\x80\xAF") == "an overlong form");
  CHECK(fault_of("\xF0\x80\x80\xAF") == "an overlong form");
  CHECK(fault_of("\xED\xA0\x80") == "a surrogate");
  CHECK(fault_of("\xF4\x90\x80\x80") == "above U+10FFFF");
}

TEST_CASE("utf8: a fault has the line and offset of its first byte") {
  const auto fault = find_utf8_fault(
      "one\ntw\u00f6\nthr\xE9"
      "e\n");
  REQUIRE(fault);
  CHECK(describe(*fault, "a.txt") ==
        "a.txt:3: byte 0xE9 (offset 12) is not UTF-8: a continuation byte is missing");
  CHECK(!find_utf8_fault(""));
  CHECK(!find_utf8_fault("\u00e9\n"));
}

TEST_CASE("utf8: an offset beyond the text is refused") {
  CHECK_THROWS_WITH_AS(code_point_at("ab", 2), "code_point_at: offset 2 in a text of 2 bytes", IndexError);
}

TEST_CASE("utf8: symbols are quoted so that they can be told apart in a message") {
  CHECK(quote_symbol("\u00e9") == "'\u00e9' (U+00E9)");
  CHECK(quote_symbol("\n") == "'\\n' (U+000A)");
  CHECK(quote_symbol("\x01") == "'\\x01' (U+0001)");
  CHECK(quote_symbol("word") == "'word'");
  CHECK(quote_symbol("") == "''");
}

TEST_CASE("text: UTF-8 is read without a note") {
  const Text text = decode_text("na\u00efve\n", "t");
  CHECK(text.characters == "na\u00efve\n");
  CHECK(text.encoding == Encoding::utf8);
  CHECK(text.notes.empty());
}

TEST_CASE("text: what is not UTF-8 is handled as bytes and comes back unchanged") {
  const std::string raw = "caf\xE9\r\n\xFF";
  const Text text = decode_text(raw, "latin.txt");
  CHECK(text.encoding == Encoding::bytes);
  CHECK(count_characters(text.characters) == raw.size());
  REQUIRE(text.notes.size() == 1);
  CHECK(text.notes[0] ==
        "latin.txt:1: byte 0xE9 (offset 3) is not UTF-8: a continuation byte is missing; "
        "the text is handled as bytes");
  CHECK(encode_text(text.characters, Encoding::bytes) == raw);
}

TEST_CASE("text: UTF-16 is recognised in the note") {
  const Text text = decode_text(std::string_view("\xFF\xFE"
                                                 "a\0",
                                                 4),
                                "t");
  REQUIRE(text.notes.size() == 1);
  CHECK(text.notes[0].find("UTF-16") != std::string::npos);
}

TEST_CASE("text: a byte order mark is dropped and CR LF becomes LF, each with a note") {
  const Text text = decode_text(
      "\xEF\xBB\xBF"
      "a\r\nb\rc\r\n",
      "t");
  CHECK(text.characters == "a\nb\rc\n");
  REQUIRE(text.notes.size() == 2);
  CHECK(text.notes[0] == "t: the byte order mark at the beginning is left out");
  CHECK(text.notes[1] == "t: 2 line ends CR LF are read as LF");
}

TEST_CASE("text: asked for UTF-8, every bad byte becomes U+FFFD and is counted") {
  const Text text = decode_text(
      "a\xFF\xFE"
      "b",
      "t", Encoding::utf8);
  CHECK(text.characters == "a\uFFFD\uFFFDb");
  REQUIRE(text.notes.size() == 1);
  CHECK(text.notes[0].find("2 such bytes are taken for U+FFFD") != std::string::npos);
}

TEST_CASE("text: asked for bytes, sound UTF-8 is bytes too") {
  const Text text = decode_text("\u00e9", "t", Encoding::bytes);
  CHECK(count_characters(text.characters) == 2);
  CHECK(encode_text(text.characters, Encoding::bytes) == "\u00e9");
}

TEST_CASE("text: a character that is no byte cannot be written as one") {
  CHECK_THROWS_WITH_AS(encode_text("\u20ac", Encoding::bytes), "encode_text: '\u20ac' (U+20AC) is no byte",
                       DataError);
}

TEST_CASE("text: a file that is not there or cannot be read is named with the reason") {
  CHECK_THROWS_WITH_AS(read_bytes("no/such/file"), "no/such/file: No such file or directory", DataError);
  CHECK_THROWS_WITH_AS(read_bytes("."), ".: Is a directory", DataError);
}

TEST_CASE("text: encodings have names") {
  CHECK(encoding_named(name_of(Encoding::utf8)) == Encoding::utf8);
  CHECK(encoding_named(name_of(Encoding::bytes)) == Encoding::bytes);
  CHECK_THROWS_AS(encoding_named("latin1"), DataError);
}

TEST_CASE("utf8: text in a message has no control characters, turns no writing direction, and is cut") {
  CHECK(printable("plain é") == "plain é");
  CHECK(printable("a\x1b[31m\n\t\r\x7f") == "a\\x1B[31m\\n\\t\\r\\x7F");
  CHECK(printable("\u009b\u202e\ufeff") == "\\u009B\\u202E\\uFEFF");
  CHECK(printable("\xff\xc3") == "\\xFF\\xC3");
  CHECK(printable(std::string(61, 'y')) == std::string(60, 'y') + "...");
  CHECK(printable(std::string(59, 'y') + "é") == std::string(59, 'y') + "...");
  CHECK(printable("éé", 2) == "é...");
  CHECK(quote_symbol("a\x1b") == "'a\\x1B'");
}
