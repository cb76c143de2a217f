#pragma once
/// \file Arrays of NumPy: npy files, and npz files of several.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unroll/data/table.hpp"

namespace unroll {

/// An array as numbers, in C order whatever the file's.
struct NpyArray {
  std::string name;  ///< of the file, and of the array in an npz file: `data.npz: temperatures`
  std::vector<std::int64_t> shape;  ///< its axes; none of a single number
  std::vector<double> values;       ///< row-major
};

/// An npy file of version 1, 2 or 3: float16 to float64, integers and bool, in either order of bytes, in C or Fortran order.
/// Errors: DataError `file: …` for another type (named), an integer above 2⁵³ that a double cannot hold, a size that is not
///         that of the file, or a file that is none. NaN and infinity are read; `table_of` refuses them.
NpyArray read_npy(const std::string& path);
/// The same of bytes.
NpyArray parse_npy(std::string_view bytes, std::string name);

/// The arrays of an npz file, stored or deflated, in its order. No more than `most_bytes` are unpacked.
/// Errors: as above, and DataError for what is no zip archive, is encrypted, is compressed in another way, or has other
///         bytes than its checksum says; in a build without zlib, for what is compressed.
std::vector<NpyArray> read_npz(const std::string& path, std::uint64_t most_bytes = std::uint64_t{1} << 40);
/// The same of bytes.
std::vector<NpyArray> parse_npz(std::string_view bytes, const std::string& name,
                                std::uint64_t most_bytes = std::uint64_t{1} << 40);

/// An array of up to two axes as a table: its columns are called `1`, `2`, …; one axis is one column.
/// Errors: DataError `file: row r, column c: …` for NaN (unless `missing` has it) and infinity; for more axes, or no rows.
Table table_of(NpyArray array, const TableOptions& options = {});

}  // namespace unroll
