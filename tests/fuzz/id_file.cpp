// Files of symbols in numbers: what is no such file, and what was written.

#include "unroll/data/id_file.hpp"

#include "fuzz.hpp"

namespace {

using namespace unroll;

std::vector<std::int64_t> numbers_of(const SymbolIds& ids) {
  std::vector<std::int64_t> numbers;
  ids.for_each([&](std::int64_t id) { numbers.push_back(id); });
  return numbers;
}

/// Numbers as the input has them, as many symbols as its first byte says.
void check_written(std::string_view input) {
  fuzz::Bytes bytes(input);
  const std::int64_t symbols = std::int64_t{1} << bytes.below(33);
  std::vector<std::int64_t> ids;
  while (!bytes.empty()) {
    std::int64_t id = 0;
    for (int k = 0; k < 4; ++k) id = id * 256 + bytes.byte();
    ids.push_back(id % symbols);
  }
  IdWriter writer(symbols, fuzz::scratch_file());
  writer.add(ids);
  fuzz::require(numbers_of(writer.finish(input)) == ids, "numbers are read as they were written");
  const IdFile file = open_id_file(fuzz::scratch_file());
  fuzz::require(file.info == input && file.symbols == symbols, "what was added is read as it was written");
  fuzz::require(numbers_of(file.ids) == ids, "numbers are read again as they were written");
}

}  // namespace

UNROLL_FUZZ_TARGET(id_file) {
  check_written(input);
  const IdFile file = open_id_file(fuzz::file_of(input));
  for (const std::int64_t id : numbers_of(file.ids))
    fuzz::require(id >= 0 && id < file.symbols, "a number is that of a symbol");
}
