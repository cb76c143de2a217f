// Tables by the names of their files.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

#include "unroll/data/npy.hpp"
#include "unroll/data/table.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll {
namespace {

NpyArray array_named(std::vector<NpyArray> arrays, const std::string& path, const std::string& name) {
  std::vector<std::string> names;
  for (NpyArray& array : arrays) {
    if (name.empty() ? arrays.size() == 1 : array.name == path + ": " + name) return std::move(array);
    if (names.size() < 20) names.push_back(printable(array.name.substr(path.size() + 2)));
  }
  if (name.empty())
    raise<DataError>("{}: need the name of an array; there are {}", path, fmt::join(names, ", "));
  raise<DataError>("{}: there is no array '{}'; there are {}", path, printable(name), fmt::join(names, ", "));
}

}  // namespace

Table read_table(const std::string& path, const TableOptions& options) {
  const std::string extension = std::filesystem::path(path).extension().string();
  if (extension == ".csv" || extension == ".tsv" || extension == ".txt") return read_csv(path, options);
  if (extension == ".jsonl" || extension == ".ndjson") return read_json_lines(path, options);
  if (extension == ".npy") return table_of(read_npy(path), options);
  if (extension == ".npz")
    return table_of(array_named(read_npz(path, options.most_bytes), path, options.array), options);
  raise<DataError>("{}: need a name that ends in .csv, .tsv, .txt, .jsonl, .ndjson, .npy or .npz", path);
}

}  // namespace unroll
