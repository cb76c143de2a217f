#pragma once  // internal
/// \file What panels are drawn on. Light colours are attributes, which every program shows; classes give dark pages theirs.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "unroll/report/figure.hpp"
#include "unroll/report/palette.hpp"

namespace unroll::report::drawing {

constexpr double text_size = 15, small_size = 13, line_height = 20, gap = 8;

/// Where text stands from.
enum class Anchor { start, middle, end };

/// Text that is not simply ink from the left.
struct TextStyle {
  Anchor anchor = Anchor::start;
  double size = small_size;
  bool bold = false, quiet = false, turned = false,
       fixed = false;  ///< turned: upwards; fixed: letters of one width
};

class Sheet {
 public:
  /// Of a figure that has so many coloured lines.
  explicit Sheet(std::size_t colours) : colours_(line_colours(std::min(colours, most_line_colours))) {}

  void text(double x, double y, std::string_view text, const TextStyle& style = {});
  /// A straight line with the colour of the grid, or of quiet text.
  void rule(double x1, double y1, double x2, double y2, bool strong = false, bool dashed = false);
  /// A path in the colour of a line; `more` are its other attributes.
  void path(std::string_view d, std::size_t colour, std::string_view more);
  /// One in quiet grey.
  void quiet_path(std::string_view d, std::string_view more);
  /// An area in the colour of a line, which `share` of 1 lets cover what is below.
  void area(std::string_view d, std::size_t colour, double share);
  /// Opens a group whose origin is here; what reaches out of it is cut off if a size is given. Close with close().
  void open(double x, double y);
  void open_clipped(double x, double y, double width, double height);
  void close(bool clipped = false) { body_ += clipped ? "</svg>\n" : "</g>\n"; }
  void raw(std::string_view text) { body_ += text; }

  const std::string& body() const { return body_; }
  const std::vector<Colour>& colours() const { return colours_; }

 private:
  std::vector<Colour> colours_;
  std::string body_;
};

/// A coordinate to a tenth of a pixel, as short as it can be.
std::string px(double value);

/// M, then l…, in tenths of a pixel that do not drift; points that stay within the same tenth are left out.
class PathText {
 public:
  void move(double x, double y);
  void line(double x, double y);
  const std::string& text() const { return text_; }

 private:
  void append(long dx, long dy);
  std::string text_;
  long x_ = 0, y_ = 0;
  bool drawn_ = true;  ///< something since the last move
};

/// Draws a panel at (0, 0) of the sheet, `width` wide. Returns its height.
double draw(Sheet& sheet, const Chart& chart, double width);
double draw(Sheet& sheet, const HeatMap& map, double width);

/// How many colours of lines a panel needs.
std::size_t colours_of(const Chart& chart);
std::size_t colours_of(const HeatMap& map);

}  // namespace unroll::report::drawing
