#pragma once
/// \file A file that is written piece by piece, and stands under its name when it is whole.

#include <cstdio>
#include <filesystem>
#include <string_view>

namespace unroll::tool {

/// Collects its bytes beside the file, in io::temporary_path(path). Unless it was finished, nothing is left of it.
/// Errors: every member throws DataError `file: the system's reason`.
class PieceFile {
 public:
  explicit PieceFile(std::filesystem::path path);
  ~PieceFile();
  PieceFile(const PieceFile&) = delete;
  PieceFile& operator=(const PieceFile&) = delete;

  void write(std::string_view bytes);
  /// The file has its name, on the disk.
  void finish();

 private:
  [[noreturn]] void refuse() const;

  std::filesystem::path path_, temporary_;
  std::FILE* file_;
};

}  // namespace unroll::tool
