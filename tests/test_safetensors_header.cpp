#include "unroll/detail/io/safetensors_header.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "unroll/autograd/error.hpp"

using namespace unroll;
using namespace unroll::io;

namespace {

/// A wrong text, and what is said of it.
struct Case {
  std::string text;
  std::string message;
};

/// The message about a header that is followed by that many bytes of data.
std::string error_of(const std::string& header, std::uint64_t data_size = 0) {
  try {
    parse_header(header, data_size, "f");
    return "none";
  } catch (const DataError& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("safetensors header: a header that is no header is rejected") {
  const Case cases[] = {
      {"", "not a safetensors file: no header that begins with '{'"},
      {" {}", "not a safetensors file: no header that begins with '{'"},
      {"\xEF\xBB\xBF{}", "not a safetensors file: no header that begins with '{'"},
      {"{", "the header is not valid JSON at its byte 2"},
      {"{\"a", "the header is not valid JSON at its byte 4"},
      {"{}}", "the header is not valid JSON at its byte 3"},
      {std::string("{}\0\0", 4), "the header is not valid JSON at its byte 2"},
      {"{}//", "the header is not valid JSON at its byte 3"},
      {"{\"\xC3\":{}}", "the header is not UTF-8 at its byte 2"},
      {"{\"\xED\xA0\x80\":{}}", "the header is not UTF-8 at its byte 2"},
      {"{\"\xE0\x80\x80\":{}}", "the header is not UTF-8 at its byte 2"},
      {"{\"\xF0\x80\x80\x80\":{}}", "the header is not UTF-8 at its byte 2"},
      {"{\"\xF4\x90\x80\x80\":{}}", "the header is not UTF-8 at its byte 2"},
      {"{\"\xED\x9F\xBF\xF4\x8F\xBF\xBF\":{}}", "tensor \"\\ud7ff\\U0010ffff\": no dtype"},
      {"{\"\\ud800\":{}}", "the header is not valid JSON at its byte 9"},
      {"{\"a\n\":{}}", "the header is not valid JSON at its byte 4"},
      {R"({"a":[]})", "tensor \"a\": needs an object; got an array"},
      {R"({"a":null})", "tensor \"a\": needs an object; got null"},
      {R"({"\u001b[2J":1})", "tensor \"\\x1b[2J\": needs an object; got a number"},
      {R"({"__metadata__":null})", "__metadata__: needs an object; got null"},
      {R"({"__metadata__":{"a":1}})", "__metadata__ \"a\": needs a string; got a number"},
      {R"({"__metadata__":{"a":{}}})", "__metadata__ \"a\": needs a string; got an object"},
      {R"({"__metadata__":{"a":"x","a":"x"}})", "__metadata__ \"a\": two values"},
      {R"({"__metadata__":{},"__metadata__":{}})", "__metadata__: it stands there twice"},
  };
  for (const Case& wrong : cases) {
    CAPTURE(wrong.text);
    CHECK(error_of(wrong.text) == "f: " + wrong.message);
  }
}

TEST_CASE("safetensors header: a tensor's entry of wrong parts is rejected") {
  const Case cases[] = {
      {R"("dtype":"F33")", "unknown dtype \"F33\""},
      {R"("dtype":1)", "dtype: needs a string; got a number"},
      {R"("dtype":"U8","dtype":"U8")", "two values of dtype"},
      {R"("dtype":"U8","size":1)", "unknown field \"size\""},
      {R"("dtype":"U8","shape":[1])", "no data_offsets"},
      {R"("dtype":"U8","shape":"1")", "shape: needs an array of integers from 0; got a string"},
      {R"("shape":[-1])", "shape: needs an array of integers from 0; got a negative number"},
      {R"("shape":[-0])", "shape: needs an array of integers from 0; got a negative number"},
      {R"("shape":[1.0])",
       "shape: needs an array of integers from 0; got a number that is no 64-bit integer"},
      {R"("shape":[18446744073709551616])",
       "shape: needs an array of integers from 0; got a number that is no 64-bit integer"},
      {R"("shape":[9223372036854775808])", "an extent above 2^63 - 1"},
      {R"("shape":[[1]])", "shape: needs an array of integers from 0; got an array"},
      {R"("shape":[true])", "shape: needs an array of integers from 0; got a boolean"},
      {R"("data_offsets":[0])",
       "data_offsets: needs an array of two integers from 0; got one of another length"},
      {R"("data_offsets":[0,0,0])",
       "data_offsets: needs an array of two integers from 0; got one of another length"},
      {R"("data_offsets":{"a":1})", "data_offsets: needs an array of two integers from 0; got an object"},
  };
  for (const Case& wrong : cases) {
    CAPTURE(wrong.text);
    CHECK(error_of("{\"t\":{" + wrong.text + "}}") == "f: tensor \"t\": " + wrong.message);
  }
}

TEST_CASE("safetensors header: tensors that do not cover the data exactly are rejected") {
  const auto entry = [](const char* name, const char* shape, const char* offsets) {
    return fmt::format(R"("{}":{{"dtype":"F32","shape":{},"data_offsets":{}}})", name, shape, offsets);
  };
  const auto error = [](const std::string& entries) { return error_of("{" + entries + "}", 8); };
  const std::string whole = entry("t", "[2]", "[0,8]");
  CHECK(error(whole) == "none");
  CHECK(error(whole + "," + whole) == "f: tensor \"t\": the name stands there twice");
  CHECK(error("") == "f: the tensors end at byte 0 of the data, which has 8");
  CHECK(error(entry("t", "[1]", "[0,4]")) == "f: the tensors end at byte 4 of the data, which has 8");
  CHECK(error(entry("t", "[1]", "[4,8]")) ==
        "f: tensor \"t\" begins at byte 4 of the data; the tensors before it end at 0");
  CHECK(error(whole + "," + entry("u", "[1]", "[4,8]")) ==
        "f: tensor \"u\" begins at byte 4 of the data; the tensors before it end at 8");
  CHECK(error(whole + "," + entry("u", "[0]", "[4,4]")) ==
        "f: tensor \"u\" begins at byte 4 of the data; the tensors before it end at 8");
  CHECK(error(entry("t", "[2]", "[8,0]")) == "f: tensor \"t\": data_offsets [8, 0] are reversed");
  CHECK(error(entry("t", "[3]", "[0,12]")) ==
        "f: tensor \"t\": data_offsets [0, 12] end beyond the 8 bytes of data");
  CHECK(error(entry("t", "[1,3]", "[0,8]")) ==
        "f: tensor \"t\": (1, 3) of F32 needs 12 bytes; data_offsets [0, 8] span 8");
  CHECK(error(entry("t", "[0,4294967296,4294967296]", "[0,0]")) ==
        "f: tensor \"t\": (0, 4294967296, 4294967296) of F32 is no possible size");
  CHECK(error_of(R"({"t":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}})", 1) ==
        "f: tensor \"t\": (3,) of F4 is no possible size");
  CHECK(error(entry("t", "[4611686018427387904,4]", "[0,0]")).ends_with("is no possible size"));
}

TEST_CASE("safetensors header: deep nesting and endless shapes end at once") {
  const std::string deep(1'000'000, '[');
  CHECK(error_of("{\"t\":" + deep) == "f: tensor \"t\": needs an object; got an array");
  std::string shape = "0";
  for (int k = 0; k < 64; ++k) shape += ",0";
  CHECK(error_of("{\"t\":{\"shape\":[" + shape) == "f: tensor \"t\": more than 64 axes");
}

TEST_CASE("safetensors header: more texts than the file's size justifies are refused") {
  const auto error = [](int count) {
    std::string texts;
    for (int k = 0; k < count; ++k) texts += fmt::format("{}\"{:05x}\":\"\"", k > 0 ? "," : "", k);
    return error_of("{\"__metadata__\":{" + texts + "}}");
  };
  CHECK(error(262'144) == "none");
  CHECK(error(330'000) == "f: __metadata__ \"4dd8f\": more texts than a file of this size may have");
}

TEST_CASE("safetensors header: a long name is cut in a message") {
  const std::string message = error_of("{\"" + std::string(100'000, 'x') + "\":1}");
  CHECK(message == "f: tensor \"" + std::string(60, 'x') + "\"...: needs an object; got a number");
}
