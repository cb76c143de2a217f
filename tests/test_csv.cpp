#include <doctest/doctest.h>

#include <cmath>
#include <fstream>

#include "arrays.hpp"
#include "temporary_folder.hpp"
#include "unroll/data/table.hpp"

using namespace unroll;

namespace {

/// What a text is refused with.
std::string csv_problem(std::string_view text, const TableOptions& options = {}) {
  return tests::message_of<DataError>([&] { parse_csv(text, "f", options); });
}

/// The numbers of a column; −1 where missing.
std::vector<double> csv_numbers(std::string_view text, std::string_view column,
                                const TableOptions& options = {}) {
  const Table table = parse_csv(text, "f", options);
  std::vector<double> numbers = table.columns[table.column(column)].numbers;
  for (double& x : numbers) x = std::isnan(x) ? -1 : x;
  return numbers;
}

using TableNumbers = std::vector<double>;

}  // namespace

TEST_CASE("csv: a header, numbers, a date and a text are found by what they look like") {
  const Table t = parse_csv(
      "\xEF\xBB\xBF\"Month\",Passengers,Place\r\n\"1949-01\",112,\"a "
      "\"\"b\"\"\nc\"\r\n1949-02,+1.5e2,\u00e9\n",
      "f");
  REQUIRE(t.rows() == 2);
  CHECK(t.columns[0].kind == ColumnKind::time);
  CHECK(t.columns[0].form == TimeForm::month);
  CHECK(t.columns[1].numbers == TableNumbers{112, 150});
  CHECK(t.columns[2].levels == std::vector<std::string>{"a \"b\"\nc", "\u00e9"});
  CHECK(t.place(0) == "f:2");
  CHECK(t.place(1) == "f:4");
}

TEST_CASE("csv: semicolon, tab and bar divide as well, and the decimal mark may be a comma") {
  CHECK(csv_numbers("a;b\n1;2\n", "b") == TableNumbers{2});
  CHECK(csv_numbers("a\tb\n1\t2\n", "b") == TableNumbers{2});
  CHECK(csv_numbers("a|b\n1|2\n", "b") == TableNumbers{2});
  CHECK(csv_numbers("a;b\n1,5;2\n", "a", {.decimal = ','}) == TableNumbers{1.5});
  CHECK(csv_numbers("a b\n1,5\n", "a b", {.decimal = ','}) == TableNumbers{1.5});
  CHECK(csv_numbers("a,b\n1,2\n", "a,b",
                    {.header = TableOptions::Header::present, .delimiter = ';', .decimal = ','}) ==
        TableNumbers{1.2});
}

TEST_CASE("csv: a first line with a number is no header, and columns are then called by their numbers") {
  CHECK(csv_numbers("1,2\n3,4", "2") == TableNumbers{2, 4});
  CHECK(
      csv_numbers("x,y\n3,4", "2", {.text = {"1"}, .header = TableOptions::Header::absent, .delimiter = ','})
          .size() == 0);
  CHECK(csv_numbers("1990,1991\n3,4", "1990", {.header = TableOptions::Header::present}) == TableNumbers{3});
  CHECK(csv_numbers(",b\n3,4", "1") == TableNumbers{3});
}

TEST_CASE("csv: missing values are nothing, NA, and what else is declared") {
  CHECK(csv_numbers("a,b\n,1\nNA,2\n3, \n", "a") == TableNumbers{-1, -1, 3});
  CHECK(csv_numbers("a,b\n,1\nNA,2\n3, \n", "b") == TableNumbers{1, 2, -1});
  CHECK(csv_numbers("a,b\n1,1\n-,2\n", "a", {.missing = {"-"}}) == TableNumbers{1, -1});
  CHECK(csv_numbers("a\n1\n\n3\n\n", "a") == TableNumbers{1, -1, 3});  // a blank line of one column is a row
  CHECK(csv_numbers("a,b\n1,2\n\n3,4\n", "a") == TableNumbers{1, 3});
}

TEST_CASE("csv: a number that is declared as missing is missing in every row") {
  const TableOptions options{.missing = {"-999", "nan"}};
  CHECK(csv_numbers("a\n-999\n1\n-999\n", "a", options) == TableNumbers{-1, 1, -1});
  CHECK(csv_numbers("a\n1\n-999\n-9990\n", "a", options) == TableNumbers{1, -1, -9990});
  CHECK(csv_numbers("a;b\n1,5;1\n-999;2\n", "a", {.missing = {"-999"}, .decimal = ','}) ==
        TableNumbers{1.5, -1});
}

TEST_CASE("csv: a number is rounded as it should be, whatever its form") {
  for (const char* text : {"0.1", "-0.3", "123456789012345", "1234567890123456789", "0.000000000000001", "5.",
                           ".5", "4.9406564584124654e-324", "179769313486231570e291"})
    CHECK(csv_numbers(fmt::format("a\n{}\n", text), "a") == TableNumbers{std::strtod(text, nullptr)});
  CHECK(csv_numbers("a\n1e-999\n", "a") == TableNumbers{0});
}

TEST_CASE("csv: what is no value of its column is named with file, line and column") {
  CHECK(csv_problem("a,b\n1,2\n\u00e9,3\n") ==
        "f:3:1: column 'a': need a number, as '1' in line 2; got '\u00e9' (declare it as missing, or the "
        "column as text, if "
        "that is what it is)");
  CHECK(
      csv_problem("t,b\n\"\u00e9\n\",2\n\u00e9,nan\n") ==
      "f:4:3: column 'b': need a finite number; got 'nan' (declare it as missing if that is what it means)");
  CHECK(csv_problem("a,b\n1,inf\n").starts_with("f:2:3: column 'b': need a finite number; got 'inf'"));
  CHECK(csv_problem("a,b\n1,1e999\n").starts_with("f:2:3: column 'b': need a finite number; got '1e999'"));
  CHECK(csv_problem("t\n1949-01\n1949-13\n") == "f:3:1: column 't': there is no month 13; got '1949-13'");
  CHECK(csv_problem("t\n1949-01\n1949-01-02\n") ==
        "f:3:1: column 't': need a month, as '1949-01' in line 2; got the day '1949-01-02'");
  CHECK(csv_problem("t\n1949-01-01 12:00\n1949-01-01 13:00Z\n") ==
        "f:3:1: column 't': need a time without an offset from UTC, as '1949-01-01 12:00' in line 2; got "
        "'1949-01-01 13:00Z'");
  CHECK(csv_problem("t\nx\n", {.time = "t"}) ==
        "f:2:1: column 't': it is no date such as 1949-01, 1949-01-31 or 1949-01-31 12:00; got 'x'");
  CHECK(csv_problem("a\nx\n\xE9\n") == "f:3:1: column 'a': '\\xE9' is not UTF-8");
  CHECK(csv_problem("\xE9\n1\n") == "f:1:1: '\\xE9' is not UTF-8");
}

TEST_CASE("csv: rows and quotes that do not end as they should are named with their place") {
  CHECK(csv_problem("a,b\n1\n") == "f:2:1: need 2 cells, as in the first line; got 1");
  CHECK(csv_problem("a,b\n1,2,3\n") == "f:2:5: need 2 cells, as in the first line; got 3");
  CHECK(csv_problem("a,b\n1,\"2\n3\n") == "f:2:3: the quote is not closed");
  CHECK(csv_problem("a,b\n1,\"2\"x\n") ==
        "f:2:6: need the end of the cell after its closing quote; a quote within it is written twice");
  CHECK(csv_problem("a,a\n1,2\n") == "f:1:3: there is another column 'a'");
  CHECK(csv_problem("a\n1\n", {.columns = {"b"}}) == "f: there is no column 'b'; there are a");
  CHECK(csv_problem("") == "f: the file is empty");
  CHECK(csv_problem("\n \n") == "f: nothing but blank lines");
  CHECK(csv_problem("a,b\n") == "f: nothing but a line of names");
  CHECK(csv_problem("\xFF\xFE") == "f: it begins like UTF-16; need UTF-8 (iconv -f UTF-16 -t UTF-8)");
  CHECK_THROWS_WITH_AS(read_csv("/none/such"), "/none/such: No such file or directory", DataError);
  CHECK_THROWS_WITH_AS(parse_csv("a\n1\n", "f", {.decimal = ';'}),
                       "read_csv: decimal must be '.' or ','; got ';'", UsageError);
  CHECK_THROWS_WITH_AS(parse_csv("a\n1\n", "f", {.delimiter = '"'}), "read_csv: '\"' cannot be the delimiter",
                       UsageError);
}

TEST_CASE("csv: a file that is longer than the window is read as a text is") {
  const TemporaryFolder folder;
  const std::string path = folder / "long.csv";
  std::string text = "n,s\n";
  for (int k = 0; k < 30'000; ++k) text += fmt::format("{},\"{}\"\r\n", k, k % 3 ? "a\nb" : "say \"\"x\"\"");
  std::ofstream(path, std::ios::binary) << text;
  const Table file = read_table(path), whole = parse_csv(text, path);
  CHECK(file.columns[0].numbers == whole.columns[0].numbers);
  CHECK(file.columns[1].codes == whole.columns[1].codes);
  CHECK(file.place(29'999) == whole.place(29'999));
  std::ofstream(path, std::ios::binary) << "a\n\"" << std::string(std::size_t{17} << 20, 'x');
  CHECK(tests::message_of<DataError>([&] { read_csv(path); }) ==
        path + ":2:1: the row goes on for more than 16 MB; is a quote not closed?");
}
