#pragma once  // internal
/// \file What a file has wrong for a model, collected before anything is changed.

#include <cstdint>
#include <string>
#include <vector>

#include "unroll/io/tensor_file.hpp"

namespace unroll::detail {

/// What is wrong with a file.
struct Complaints {
  std::vector<std::string> missing = {};     ///< names in the model only
  std::vector<std::string> unexpected = {};  ///< names in the file only
  std::vector<std::string> shapes = {};      ///< what is said of each array of another shape
  std::vector<std::string> cells = {};       ///< said besides: alone they are no mistake

  /// An array of another shape.
  void differs(const std::string& name, const std::vector<std::int64_t>& in_file,
               const std::vector<std::int64_t>& wanted);
  /// Errors: DataError that lists all of it; where not strict, names are no mistake.
  void throw_if_any(const io::TensorFile& from, bool strict) const;
};

}  // namespace unroll::detail
