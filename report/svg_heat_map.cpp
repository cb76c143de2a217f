#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/report/svg_sheet.hpp"
#include "unroll/detail/report/svg_ticks.hpp"
#include "unroll/detail/report/svg_words.hpp"
#include "unroll/report/escape_xml.hpp"

namespace unroll::report::drawing {
namespace {

constexpr int shades = 24;
constexpr std::size_t most_with_words = 1500;  // cells that say their value where the mouse is

/// A map while it is drawn: (0, 0) is the upper left corner of its cells.
class MapDrawing {
 public:
  MapDrawing(Sheet& sheet, const HeatMap& map, double width)
      : sheet_(sheet), map_(map), width_(width), rows_(map.width ? map.values.size() / map.width : 0) {}

  double draw() {
    double top = 0;
    if (!map_.title.empty()) {
      sheet_.text(0, 15, shortened(map_.title, text_size, width_), {.size = text_size, .bold = true});
      top = 26;
    }
    if (rows_ == 0) {
      sheet_.text(0, top + 13, "no data", {.quiet = true});
      return top + line_height;
    }
    measure();
    if (!map_.row_title.empty() || !map_.column_title.empty()) top = draw_titles(top);
    top += above_;
    sheet_.open(left_, top);
    draw_labels();
    draw_cells();
    sheet_.close();
    top += height_ * static_cast<double>(rows_);
    return map_.unit.empty() ? top + 2 : draw_scale(top);
  }

 private:
  void measure() {
    double rows = 0, columns = 0;
    for (const std::string& r : map_.rows) rows = std::max(rows, text_width(r, small_size));
    for (const std::string& c : map_.columns) columns = std::max(columns, text_width(c, small_size));
    left_ = map_.rows.empty() ? 0 : std::min(rows, width_ / 3) + gap;
    side_ = (width_ - left_ - 2) / static_cast<double>(map_.width);
    if (map_.cell) side_ = std::min(side_, *map_.cell);
    height_ = map_.square ? side_ : line_height;
    above_ = map_.columns.empty() ? 0 : map_.upright ? line_height : std::min(columns, 160.0) + gap;
    full_ = 0;
    for (const double v : map_.values)
      if (std::isfinite(v)) full_ = std::max(full_, std::abs(v));
    if (map_.full) full_ = *map_.full;
  }

  double draw_titles(double top) {
    const std::string text = map_.row_title.empty() ? map_.column_title + " →"
                             : map_.column_title.empty()
                                 ? "↓ " + map_.row_title
                                 : "↓ " + map_.row_title + "\u2003" + map_.column_title + " →";
    sheet_.text(0, top + 13, shortened(text, small_size, width_), {.quiet = true});
    return top + line_height + 2;
  }

  void draw_labels() {
    for (std::size_t r = 0; r < map_.rows.size(); ++r)
      sheet_.text(-gap, height_ * (static_cast<double>(r) + 0.5) + 4.5,
                  shortened(map_.rows[r], small_size, left_ - gap), {.anchor = Anchor::end});
    for (std::size_t c = 0; c < map_.columns.size(); ++c) {
      const double middle = side_ * (static_cast<double>(c) + 0.5);
      if (map_.upright)
        sheet_.text(middle, -6, map_.columns[c], {.anchor = Anchor::middle, .fixed = true});
      else
        sheet_.text(middle + 4.5, -gap, shortened(map_.columns[c], small_size, above_ - gap),
                    {.turned = true});
    }
  }

  /// From -1 to 1; 0 where there is nothing.
  double strength(double value) const {
    if (!std::isfinite(value) || full_ <= 0) return 0;
    double share = std::min(1.0, std::abs(value) / full_);
    if (map_.log) share = share > 0 ? std::max(0.0, 1 + std::log10(share) / map_.decades) : 0;
    return value < 0 ? -share : share;
  }

  void draw_cells() {
    const double right = side_ * static_cast<double>(map_.width),
                 below = height_ * static_cast<double>(rows_);
    if (map_.values.size() <= most_with_words)
      draw_worded_cells();
    else
      draw_merged_cells();
    sheet_.raw(fmt::format("<path d=\"M0 0h{0}v{1}h-{0}z\" fill=\"none\" class=\"u-g\" stroke=\"{2}\"/>\n",
                           px(right), px(below), theme().grid.light));
  }

  std::string label(const std::vector<std::string>& labels, std::size_t k) const {
    return labels.empty() ? std::to_string(k) : escape_xml(labels[k]);
  }

  void draw_worded_cells() {
    const bool lines = side_ >= 12 && height_ >= 12;
    sheet_.raw(
        fmt::format("<g{}>\n", lines ? fmt::format(" class=\"u-g\" stroke=\"{}\"", theme().grid.light) : ""));
    for (std::size_t k = 0; k < map_.values.size(); ++k) {
      const std::size_t r = k / map_.width, c = k % map_.width;
      const double s = strength(map_.values[k]);
      const std::size_t colour = s < 0 ? 1 : 0;
      sheet_.raw(
          fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" class=\"u-f{}\" fill=\"{}\" "
                      "fill-opacity=\"{:.3g}\"><title>{} – {}: {:.3g}</title></rect>\n",
                      px(side_ * static_cast<double>(c)), px(height_ * static_cast<double>(r)), px(side_),
                      px(height_), colour, sheet_.colours()[colour].light, std::abs(s),
                      label(map_.columns, c), label(map_.rows, r), map_.values[k]));
    }
    sheet_.raw("</g>\n");
  }

  /// A path for each shade; cells of one shade that stand side by side are one piece.
  void draw_merged_cells() {
    std::map<int, PathText> paths;
    for (std::size_t r = 0; r < rows_; ++r)
      for (std::size_t c = 0; c < map_.width;) {
        const auto shade = [&](std::size_t at) {
          return static_cast<int>(std::lround(shades * strength(map_.values[r * map_.width + at])));
        };
        std::size_t end = c + 1;
        while (end < map_.width && shade(end) == shade(c)) ++end;
        if (shade(c) != 0) add_run(paths[shade(c)], r, c, end);
        c = end;
      }
    for (const auto& [shade, path] : paths)
      sheet_.area(path.text(), shade < 0 ? 1 : 0, std::abs(shade) / static_cast<double>(shades));
  }

  void add_run(PathText& path, std::size_t row, std::size_t begin, std::size_t end) const {
    const double x1 = side_ * static_cast<double>(begin), x2 = side_ * static_cast<double>(end),
                 y1 = height_ * static_cast<double>(row), y2 = y1 + height_;
    path.move(x1, y1);
    path.line(x2, y1);
    path.line(x2, y2);
    path.line(x1, y2);
  }

  /// What the shades mean, below the map. Returns where it ends.
  double draw_scale(double top) {
    const bool negative = std::any_of(map_.values.begin(), map_.values.end(), [](double v) { return v < 0; });
    const std::string low = negative   ? short_number(-full_)
                            : map_.log ? short_number(full_ * std::pow(10, -map_.decades))
                                       : "0";
    constexpr double step = 5, high = 10;
    double x = left_;
    sheet_.text(x, top + 22, low, {.quiet = true});
    x += text_width(low, small_size) + 6;
    for (int k = negative ? -shades : 1; k <= shades; k += negative ? 2 : 1, x += step)
      sheet_.area(fmt::format("M{} {}h{}v{}h-{}z", px(x), px(top + 12), step, high, step), k < 0 ? 1 : 0,
                  std::max(0.01, std::abs(k) / static_cast<double>(shades)));
    const std::string text = short_number(full_) + "  " + map_.unit;
    sheet_.text(x + 6, top + 22, shortened(text, small_size, width_ - x - 6), {.quiet = true});
    return top + 30;
  }

  Sheet& sheet_;
  const HeatMap& map_;
  double width_;
  std::size_t rows_;
  double left_ = 0, above_ = 0, side_ = 0, height_ = 0, full_ = 0;
};

}  // namespace

double draw(Sheet& sheet, const HeatMap& map, double width) { return MapDrawing(sheet, map, width).draw(); }

std::size_t colours_of(const HeatMap& map) {
  if (map.width == 0 ? !map.values.empty() : map.values.size() % map.width != 0)
    raise<ShapeError>("svg: heat map \"{}\" has {} values in rows of {}", map.title, map.values.size(),
                      map.width);
  const std::size_t rows = map.width ? map.values.size() / map.width : 0;
  if (!map.rows.empty() && map.rows.size() != rows)
    raise<ShapeError>("svg: heat map \"{}\" has {} rows and {} labels for them", map.title, rows,
                      map.rows.size());
  if (!map.columns.empty() && map.columns.size() != map.width)
    raise<ShapeError>("svg: heat map \"{}\" has {} columns and {} labels for them", map.title, map.width,
                      map.columns.size());
  return 2;
}

}  // namespace unroll::report::drawing
