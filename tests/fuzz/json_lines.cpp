// Objects, one in a line.

#include <cmath>

#include "fuzz.hpp"
#include "unroll/data/table.hpp"

UNROLL_FUZZ_TARGET(json_lines) {
  using namespace unroll;
  const Table table = parse_json_lines(input, "f");
  const Table file = read_json_lines(fuzz::file_of(input));
  fuzz::require(file.rows() == table.rows() && file.columns.size() == table.columns.size(),
                "a file is read as a text is");
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    const Column& column = table.columns[c];
    fuzz::require(column.size() == table.rows(), "a column has a value for each row");
    fuzz::require(column.codes == file.columns[c].codes && column.times == file.columns[c].times,
                  "a file is read as a text is");
    for (const double x : column.numbers) fuzz::require(!std::isinf(x), "numbers are finite or missing");
  }
}
