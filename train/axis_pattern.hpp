#pragma once  // internal
/// \file Axes of an array rearranged, as a text says: "g (h k) -> (k h) g".

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace unroll::detail {

/// Sizes of letters, as far as they are known.
using AxisSizes = std::map<char, std::int64_t>;

/// What an array's axes are, and what becomes of them.
/// A letter is an axis; (a b) one axis that is a major and b minor; (a:b) one on which a and b follow each other, of which one
/// is taken. A number is an axis of that size: one that is not there behind the arrow is cut, at the index that is asked for,
/// and a 1 that is there alone is inserted. A letter that is there alone is a repetition.
class AxisPattern {
 public:
  /// Without an arrow all stays as it is. The text is the library's own: it is not checked.
  explicit AxisPattern(std::string_view text);

  /// Whether an array of that shape is one, with the sizes that are known; adds those that follow.
  bool matches(const std::vector<std::int64_t>& shape, AxisSizes& sizes) const;
  /// The axes in front of the arrow with their sizes where these are known: "(6, i)".
  std::string text(const AxisSizes& sizes) const;
  /// What becomes of the shape; nothing where a size is unknown or too large.
  std::optional<std::vector<std::int64_t>> result(const AxisSizes& sizes) const;
  /// The numbers of a dense array of a shape that matches, rearranged. `part`: of the axis that is cut.
  std::vector<double> rearranged(const std::vector<double>& values, const AxisSizes& sizes,
                                 std::size_t part) const;

 private:
  struct Item {
    char letter = 0;  // 0: a number
    std::int64_t number = 0;
  };
  struct Axis {
    std::vector<Item> items;
    bool apart = false;  // (a:b)
  };
  struct Stride {
    std::int64_t size = 1, step = 0;
  };

  static std::vector<Axis> parsed(std::string_view text);
  static std::int64_t size_of(const Item& item, const AxisSizes& sizes);
  std::vector<std::pair<Item, Stride>> strides(const AxisSizes& sizes, std::size_t part,
                                               std::int64_t& offset) const;
  std::vector<Stride> loops(const AxisSizes& sizes, std::size_t part, std::int64_t& offset) const;

  std::vector<Axis> from_, to_;
};

}  // namespace unroll::detail
