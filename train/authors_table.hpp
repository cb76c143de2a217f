#pragma once  // internal
/// \file Under which names the authors of networks keep what the library's cells keep under its own.

#include <string_view>
#include <vector>

namespace unroll::detail {

/// One array of the authors', and how it is turned.
struct AuthorsPiece {
  std::string_view name;
  std::string_view axes;  ///< see AxisPattern
  int part = 0;           ///< of an axis that is cut
};
/// One array of ours.
struct AuthorsRow {
  std::string_view ours;
  std::vector<AuthorsPiece> pieces;      ///< one under the other
  std::vector<AuthorsPiece> added = {};  ///< the same, added to them
  std::vector<AuthorsPiece> times = {};  ///< one of a single axis, by which their last axis is multiplied
  double plus = 0;                       ///< added to all numbers
};
/// Rows under a common beginning of the names. A star in it stands for a number: the k-th block of ours is the k-th of the
/// numbers under which the authors have `marker`.
struct AuthorsPart {
  std::string_view ours, theirs, marker;
  std::vector<AuthorsRow> rows;
};
/// A network.
struct AuthorsNetwork {
  std::string_view name;
  std::string_view code;  ///< whose names they are
  std::vector<AuthorsPart> parts;
  std::vector<std::string_view> beside = {};  ///< what is no weight of ours, and is passed over
};

/// All of them, by name.
const std::vector<AuthorsNetwork>& authors_table();

}  // namespace unroll::detail
