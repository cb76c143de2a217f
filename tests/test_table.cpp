#include "unroll/data/table.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "arrays.hpp"

using namespace unroll;

TEST_CASE("table: rows that follow one another cost no memory, and each knows its line") {
  RowLines lines;
  for (const std::size_t line : {2, 3, 5, 0, 0, 6}) lines.add(line);
  CHECK(lines.size() == 6);
  std::vector<std::size_t> back;
  for (std::size_t row = 0; row < 6; ++row) back.push_back(lines.line(row));
  CHECK(back == std::vector<std::size_t>{2, 3, 5, 0, 0, 6});
  CHECK_THROWS_WITH_AS(lines.line(6), "line: need a row below 6; got 6", IndexError);
}

TEST_CASE("table: only the columns that are asked for are read") {
  const Table t = parse_csv("a,b,c\n1,x\"y,3\n", "f", {.columns = {"c", "a"}});
  REQUIRE(t.columns.size() == 2);
  CHECK(t.columns[1].name == "c");
  CHECK(t.column("c") == 1);
  CHECK_THROWS_WITH_AS(t.column("b"), "f: there is no column 'b'; there are a, c", DataError);
}

TEST_CASE("table: a text becomes a column of 0 and 1 for each level") {
  Table t = parse_csv("s,x\nred,1\n,2\nblue,3\n", "f");
  CHECK(one_hot(t, "s") == std::vector<std::string>{"red", "blue"});
  REQUIRE(t.columns.size() == 3);
  CHECK(t.columns[0].name == "s=red");
  CHECK(t.columns[0].numbers[0] == 1);
  CHECK(std::isnan(t.columns[0].numbers[1]));
  CHECK(t.columns[1].numbers[2] == 1);
  Table later = parse_csv("s,x\nblue,1\n", "g");
  one_hot(later, "s", {"red", "blue"});
  CHECK(later.columns[0].numbers[0] == 0);
  Table other = parse_csv("s,x\nblue,1\ngreen,1\n", "g");
  CHECK_THROWS_WITH_AS(one_hot(other, "s", {"red", "blue"}),
                       "g:3: column 's': 'green' is none of the 2 levels that are known", DataError);
  CHECK_THROWS_WITH_AS(one_hot(other, "x"), "g: column 'x' holds numbers, not text", DataError);
  std::string many = "s,x\n";
  for (int k = 0; k <= 1000; ++k) many += fmt::format("a{},1\n", k);
  Table large = parse_csv(many, "g");
  CHECK_THROWS_WITH_AS(one_hot(large, "s"), "g: column 's' has 1001 levels; 1000 are allowed", DataError);
}

TEST_CASE("table: the name of a file tells its format") {
  CHECK_THROWS_WITH_AS(read_table("x.xls"),
                       "x.xls: need a name that ends in .csv, .tsv, .txt, .jsonl, .ndjson, .npy or .npz",
                       DataError);
}
