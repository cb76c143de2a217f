#pragma once  // internal
/// \file A script as a C file and its header.

#include <set>

#include "unroll/detail/export/c_script.hpp"

namespace unroll::detail {

struct CWriterOptions {
  std::string name;  ///< what all names of the file begin with
  bool fast = false, jacobian = false;
  std::vector<std::string> notes = {};  ///< for the head, a line each
};

/// A table from which a symbol's row is the input of the script.
template <class T>
struct CTable {
  std::string name;
  index_t rows = 0, cols = 0;
  std::vector<T> numbers = {};
};

struct CFiles {
  std::string source, header;
};

/// Errors: UsageError for an op that needs libm in a fast file, or for arrays beyond an int.
template <class T>
CFiles write_c(const Script<T>& script, const CTable<T>& table, const CWriterOptions& options);

}  // namespace unroll::detail
