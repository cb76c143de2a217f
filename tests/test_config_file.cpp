#include "common/config_file.hpp"

#include <doctest/doctest.h>

#include "unroll/autograd/error.hpp"

using namespace unroll;
using program::parse_config;

TEST_CASE("config file: names and values, quoted, bare and in lists, with comments and sections") {
  const auto entries = parse_config(
      "# all of it\n[train]\nlr = 0.002  # small\ntext=\"a # b\\\".txt\"\r\nname = 'C:\\x'\n\n  tie = true\n"
      "quantiles = [0.1, '0.5',]\nlast = a b",
      "f.toml");
  REQUIRE(entries.size() == 6);
  CHECK(entries[0].name == "lr");
  CHECK(entries[0].values == std::vector<std::string>{"0.002"});
  CHECK(entries[0].place == "f.toml:3:1");
  CHECK(entries[1].values == std::vector<std::string>{"a # b\".txt"});
  CHECK(entries[2].values == std::vector<std::string>{"C:\\x"});
  CHECK(entries[3].place == "f.toml:7:3");
  CHECK(entries[4].values == std::vector<std::string>{"0.1", "0.5"});
  CHECK(entries[5].values == std::vector<std::string>{"a b"});
  CHECK(parse_config("", "f").empty());
}

TEST_CASE("config file: a line that is none is refused with file, line and column") {
  const auto refused = [](const char* text, const char* message) {
    CHECK_THROWS_WITH_AS(parse_config(text, "f"), message, DataError);
  };
  refused("a = 1\n = 2", "f:2:2: need `name = value`, with the name of an option");
  refused("lr 2", "f:1:4: need = after lr");
  refused("lr =  # none", "f:1:7: need a value");
  refused("lr = \"a", "f:1:6: the text has no \" at its end");
  refused("lr = \"\\x\"", "f:1:8: after \\ need one of \" \\ n t");
  refused("lr = \"a\" b", "f:1:10: need the end of the line, or # and a comment");
  refused("q = [1", "f:1:7: need a comma or ] in the list");
  refused("q = [,]", "f:1:6: need a value");
  refused("a = 1\na = 2", "f:2:1: a stands at f:1:1 already");
}

TEST_CASE("config file: one that cannot be read, or is not UTF-8, is named") {
  CHECK_THROWS_AS(program::read_config("no/such/file"), DataError);
}
