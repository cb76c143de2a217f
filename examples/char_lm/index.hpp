#pragma once
/// \file The index of a large text: its symbols in numbers in a file, with what tells whose they are.

#include "char_lm/corpus.hpp"
#include "unroll/data/id_file.hpp"

namespace unroll::char_lm {

/// A text file as it is now: what tells that it has not changed.
struct TextFile {
  std::string path;                       ///< from the root
  std::int64_t bytes = -1, modified = 0;  ///< −1: there is no such file; nanoseconds

  static TextFile at(const std::string& path);
  bool is_there() const { return bytes >= 0; }
  /// Whether both are the same file, unchanged.
  bool is(const TextFile& other) const {
    return is_there() && path == other.path && bytes == other.bytes && modified == other.modified;
  }
};

/// What an index knows beside the numbers.
struct IndexInfo {
  TextFile file;
  Corpus corpus;  ///< without the numbers
  Reading reading;
  ReadingWishes wishes;  ///< by which the reading was made

  std::string to_text() const;
  /// Errors: DataError that begins with `path`.
  static IndexInfo from_text(const std::string& text, const std::string& path);
};

/// An index that is there.
struct Index {
  IndexInfo info;
  SymbolIds ids;
};
/// The index at `path`; nothing if there is no file, or a damaged one, which `note` tells.
/// Errors: DataError if what is there is no index at all, and must not be overwritten.
std::optional<Index> find_index(const std::string& path, std::string& note);

}  // namespace unroll::char_lm
