#include <doctest/doctest.h>

#include <cmath>
#include <fstream>

#include "arrays.hpp"
#include "temporary_folder.hpp"
#include "unroll/data/table.hpp"

using namespace unroll;

namespace {

std::string jsonl_problem(std::string_view text) {
  return tests::message_of<DataError>([&] { parse_json_lines(text, "f"); });
}

}  // namespace

TEST_CASE("json lines: keys are columns, and what a line lacks is missing") {
  const Table t = parse_json_lines(
      "\xEF\xBB\xBF{\"t\": \"1949-01\", \"x\": 1.5, \"s\": \"12\", \"b\": true}\r\n\n"
      "{\"x\": null, \"t\": \"1949-02\", \"s\": \"NA\"}\n{\"x\":-3,\"t\":\"1949-03\"}",
      "f");
  REQUIRE(t.rows() == 3);
  CHECK(t.columns[0].kind == ColumnKind::time);
  CHECK(t.columns[1].numbers[0] == 1.5);
  CHECK(std::isnan(t.columns[1].numbers[1]));
  CHECK(t.columns[1].numbers[2] == -3);
  CHECK(t.columns[2].kind == ColumnKind::text);  // a text in JSON is one, though it looks like a number
  CHECK(t.columns[2].codes == std::vector<std::int32_t>{0, -1, -1});
  CHECK(t.columns[3].missing(1));
  CHECK(t.place(1) == "f:3");
}

TEST_CASE("json lines: a number that is declared as missing is missing in every row") {
  const Table t =
      parse_json_lines("{\"x\": -999}\n{\"x\": 1}\n{\"x\": -999.0}\n", "f", {.missing = {"-999"}});
  CHECK(t.columns[0].missing(0));
  CHECK(t.columns[0].numbers[1] == 1);
  CHECK(t.columns[0].missing(2));
}

TEST_CASE("json lines: what is wrong is named with file, line and byte") {
  CHECK(jsonl_problem("") == "f: the file is empty");
  CHECK(jsonl_problem("\n\n") == "f: nothing but blank lines");
  CHECK(jsonl_problem("{\"x\": 1}\n{\"x\": 1,}\n") == "f:2:9: it is no JSON");
  CHECK(jsonl_problem("{\"x\": 1}\n{\"x\":  [1]}\n") == "f:2:8: need a number, text or null; got an array");
  CHECK(jsonl_problem("{\"x\": {}}") == "f:1:7: need a number, text or null; got an object");
  CHECK(jsonl_problem(" [1]") == "f:1:2: need an object, such as {\"time\": \"1949-01\", \"value\": 112}");
  CHECK(jsonl_problem("3") == "f:1:1: need an object, such as {\"time\": \"1949-01\", \"value\": 112}");
  CHECK(jsonl_problem("{\"x\": 1}\n{\"x\": 1, \"y\": 2}\n") == "f:2:15: the first line has no key 'y'");
  CHECK(jsonl_problem("{\"x\": 1, \"x\": 2}\n") == "f:1:15: the key 'x' is there twice");
  CHECK(jsonl_problem("{\"x\": 1}\n{\"x\": \"a\"}\n") ==
        "f:2:7: column 'x': need a number, as '1' in line 1; got the text 'a'");
  CHECK(jsonl_problem("{\"x\": 1e999}") == "f:1:7: need a finite number; got one that is too large");
  CHECK(jsonl_problem("{\"t\": \"1949-01\"}\n{\"t\": \"1949-02-30\"}") ==
        "f:2:7: column 't': there is no 30 February 1949; got '1949-02-30'");
}

TEST_CASE("json lines: a file whose lines lack most keys is refused before it takes memory") {
  std::string text = "{";
  for (int k = 0; k < 2000; ++k) text += fmt::format("{}\"{}\":1", k ? "," : "", k);
  text += "}\n";
  for (int k = 0; k < 2000; ++k) text += "{}\n";
  CHECK(
      jsonl_problem(text) ==
      "f:525: most keys are missing: 525 rows of 2000 columns would be more numbers than the file has bytes");
}

TEST_CASE("json lines: a file is read as a text is") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.jsonl";
  std::ofstream out(path);
  for (int k = 0; k < 20'000; ++k) out << "{\"some long name\": " << k << "}\n";
  out.close();
  const Table t = read_table(path);
  REQUIRE(t.rows() == 20'000);
  CHECK(t.columns[0].numbers[19'999] == 19'999);
  std::ofstream(path) << std::string(std::size_t{17} << 20, ' ');
  CHECK(tests::message_of<DataError>([&] { read_table(path); }) == path + ":1: the line has more than 16 MB");
}
