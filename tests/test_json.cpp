#include "unroll/io/json.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <new>
#include <nlohmann/json.hpp>
#include <utility>

#include "arrays.hpp"
#include "failing_allocation.hpp"
#include "unroll/autograd/error.hpp"

using namespace unroll;
using namespace unroll::io;

namespace {

std::string error_of_json(std::string_view text, const JsonLimits& limits = {}) {
  return tests::message_of<DataError>([&] { parse_json(text, "f", limits); });
}

/// The message about {"x": VALUE} that `read` makes of x; what it returns says whether it was the right value.
template <class Read>
std::string error_of_value(std::string_view value, Read read) {
  return tests::message_of<DataError>([&] {
    const auto document = parse_json(fmt::format("{{\"x\":{}}}", value), "f");
    const JsonValue x = JsonValue(*document, "f").at("x");
    if constexpr (std::is_same_v<decltype(read(x)), bool>) {
      if (!read(x)) raise<DataError>("another value");
    } else {
      read(x);
    }
  });
}

/// An object or array of `count` parts, `part(k)` being the k-th.
std::string list_of_parts(char open, char close, int count, const std::function<std::string(int)>& part) {
  std::string text(1, open);
  for (int k = 0; k < count; ++k) text += (k > 0 ? "," : "") + part(k);
  return text + close;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/// Runs `body` in a process that has `left` MB of memory and can get no more, and returns how it ended.
int status_without_memory(int left, const std::function<void()>& before, const std::function<void()>& body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    before();
    const rlimit limit{1, 1};
    if (setrlimit(RLIMIT_AS, &limit) != 0) _exit(3);
    // What the process has and does not use goes too: blocks, each of which holds where the one before is.
    void** last = nullptr;
    while (auto** block = static_cast<void**>(std::malloc(1 << 20))) *block = last, last = block;
    for (int k = 0; k < left && last; ++k) std::free(std::exchange(last, static_cast<void**>(*last)));
    body();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
#endif

}  // namespace

TEST_CASE("json: a document is what nlohmann's parser makes of the same text") {
  const std::string text =
      R"({"a":[1,-2,2.5,true,null,"é\n",[],{}],"b":{"c":{"d":[[1],[2]]}},"e":18446744073709551615})";
  const auto document = parse_json(text, "f");
  CHECK(*document == nlohmann::ordered_json::parse(text));
  CHECK(document->dump() == nlohmann::ordered_json::parse(text).dump());
  CHECK(*parse_json("[]", "f") == nlohmann::ordered_json::array());
  CHECK(*parse_json("1e-400", "f") == 0.0);
}

TEST_CASE("json: what is none, or has two values of a key, is refused with its place") {
  CHECK(error_of_json("{\"a\":1") == "f: not valid JSON at its byte 7");
  CHECK(error_of_json("") == "f: not valid JSON at its byte 1");
  CHECK(error_of_json("[1e999]").starts_with("f: not valid JSON at its byte "));
  CHECK(error_of_json(std::string_view("1\0", 2)) == "f: not valid JSON at its byte 1");
  CHECK(error_of_json(R"({"a":1,"b":{"c":1,"c\n":2,"c":3}})") == "f: two values of \"c\"");
}

TEST_CASE("json: an object of many keys takes time in line with their number") {
  const auto begin = std::chrono::steady_clock::now();
  const auto text = list_of_parts('{', '}', 100'000, [](int k) { return fmt::format("\"k{}\":{{}}", k); });
  CHECK(parse_json(text, "f", {.memory = 1 << 30})->size() == 100'000);
  // It takes 0.1 s; a search through all keys for each of them takes half a minute.
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
}

TEST_CASE("json: nesting and memory have limits") {
  const std::string deep = std::string(17, '[') + std::string(17, ']');
  CHECK(error_of_json(deep) == "f: its JSON has arrays or objects in one another, more than 16 deep");
  CHECK(error_of_json(std::string_view(deep).substr(1, 32)) == "nothing thrown");
  CHECK(error_of_json(std::string(5'000'000, '[')) == error_of_json(deep));
  const auto arrays = list_of_parts('[', ']', 1'000'000, [](int) { return "[]"; });
  CHECK(error_of_json(arrays) ==
        "f: its JSON holds so many values that they need more than 33554432 bytes of memory");
  const auto texts = list_of_parts('[', ']', 200'000, [](int k) { return fmt::format("\"{}\"", k); });
  CHECK(error_of_json(texts) == error_of_json(arrays));
  CHECK(error_of_json(texts, {.memory = 1 << 30}) == "nothing thrown");
}

TEST_CASE("json: numbers are held against their type and their range") {
  const auto layers = [](const JsonValue& v) { return v.integer<int>(1, 1000) == 7; };
  CHECK(error_of_value("7", layers) == "nothing thrown");
  for (const auto* wrong : {"1000000", "0", "-1", "1099511627776", "1e300", "7.0", "18446744073709551615"})
    CHECK(error_of_value(wrong, layers) == fmt::format("f: x: need a whole number from 1 to 1000; got {}",
                                                       *parse_json(wrong, "f") == 1e300 ? "1e+300" : wrong));
  const auto seed = [](const JsonValue& v) { return v.integer<std::uint64_t>() == ~0ULL; };
  CHECK(error_of_value("18446744073709551615", seed) == "nothing thrown");
  CHECK(error_of_value("-1", seed) == "f: x: need a whole number from 0 to 18446744073709551615; got -1");
  const auto share = [](const JsonValue& v) { return v.number(0, 1) == 0.5; };
  CHECK(error_of_value("0.5", share) == "nothing thrown");
  CHECK(error_of_value("1e300", share) == "f: x: need a number from 0 to 1; got 1e+300");
  CHECK(error_of_value("null", share) == "f: x: need a number from 0 to 1; got null");
  CHECK(error_of_value("[]", [](const JsonValue& v) { v.number(); }) ==
        "f: x: need a finite number; got an array");
}

TEST_CASE("json: a value of another kind is named by its place, and a text in a message is quoted and cut") {
  CHECK(error_of_value("1", [](const JsonValue& v) { v.at("y"); }) == "f: x: need an object; got 1");
  CHECK(error_of_value("{}", [](const JsonValue& v) { v.at("y"); }) == "f: x: there is no y");
  CHECK(error_of_value("0", [](const JsonValue& v) { v.boolean(); }) == "f: x: need true or false; got 0");
  CHECK(error_of_value("{}", [](const JsonValue& v) { v.text(); }) == "f: x: need a text; got an object");
  CHECK(error_of_value("[1,\"a\"]", [](const JsonValue& v) { v.numbers(); }) ==
        "f: x: need a finite number; got \"a\"");
  CHECK(error_of_value("[\"a\",1]", [](const JsonValue& v) { v.texts(); }) == "f: x: need a text; got 1");
  CHECK(error_of_value("\"\\u001b[31m" + std::string(100, 'y') + "\"", [](const JsonValue& v) {
          v.boolean();
        }) == "f: x: need true or false; got \"\\x1b[31m" + std::string(55, 'y') + "\"...");
}

TEST_CASE("json: whichever allocation fails while a document is read, the reading ends with bad_alloc") {
  const std::string text = R"({"a": [[1, 2], ["b"], [{"c": [null]}]], "d": {"e": "f"}})";
  long n = 0;
  for (bool failed = true; failed;) {
    JsonDocument document;
    {
      const tests::FailingAllocation failing(++n);
      try {
        document = parse_json(text, "f");
      } catch (const std::bad_alloc&) {
      }
      failed = failing.thrown();
    }
    CHECK((document != nullptr) == !failed);
  }
  CHECK(n > 10);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("json: a document is let go of, and reading one ends with bad_alloc, where there is no memory") {
  const auto text = list_of_parts('[', ']', 2'000'000, [](int k) { return fmt::format("[{}]", k); });
  const JsonLimits much{.memory = 1 << 30};
  JsonDocument document;
  // nlohmann's destructor would ask for 32 MB.
  CHECK(status_without_memory(
            0, [&] { document = parse_json(text, "f", much); }, [&] { document.reset(); }) == 0);
  for (const int left : {0, 20, 40})
    CHECK(status_without_memory(
              left, [] {},
              [&] {
                try {
                  parse_json(text, "f", much);
                  _exit(4);
                } catch (const std::bad_alloc&) {
                }
              }) == 0);
}
#endif
