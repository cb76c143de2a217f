#include "unroll/train/log_line.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "temporary_folder.hpp"
#include "unroll/train/metrics_log.hpp"

using namespace unroll;

TEST_CASE("log line: values of all kinds stand in order, and each number reads back the same") {
  const std::vector<std::string> names{"a", "b\"c"};
  const LogLine line{{"step", 3},
                     {"big", std::uint64_t{18446744073709551615u}},
                     {"loss", 0.1},
                     {"float", 0.5F},
                     {"best", true},
                     {"text", "é \"q\"\n"},
                     {"names", names},
                     {"inner", LogLine{{"x", -1}}},
                     {"nothing", LogValue()}};
  CHECK(line.json() ==
        R"({"step":3,"big":18446744073709551615,"loss":0.1,"float":0.5,"best":true,"text":"é \"q\"\n",)"
        R"("names":["a","b\"c"],"inner":{"x":-1},"nothing":null})");
}

TEST_CASE("log line: what is not finite is null, and what is not UTF-8 is replaced") {
  const LogLine line{{"nan", std::numeric_limits<double>::quiet_NaN()},
                     {"inf", std::numeric_limits<float>::infinity()},
                     {"text", "\xFF"}};
  CHECK(line.json() == "{\"nan\":null,\"inf\":null,\"text\":\"\uFFFD\"}");
}

TEST_CASE("log line: a name stands once, with the value that it was given last") {
  LogLine line{{"a", 1}, {"b", 2}};
  line.add("a", "x");
  line.add({{"c", 3}, {"b", false}});
  CHECK(line.json() == R"({"a":"x","b":false,"c":3})");
  CHECK(LogLine().empty());
  CHECK(LogLine().json() == "{}");
}

TEST_CASE("log line: a log can begin without a configuration") {
  const TemporaryFolder folder;
  MetricsLog::create(folder / "log", {}).write({{"step", 1}});
}
