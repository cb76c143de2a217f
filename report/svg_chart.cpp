#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/report/svg_sheet.hpp"
#include "unroll/detail/report/svg_ticks.hpp"
#include "unroll/detail/report/svg_words.hpp"

namespace unroll::report::drawing {
namespace {

constexpr double swatch = 22;  // of the legend

double x_of(const std::vector<double>& x, std::size_t k) { return x.empty() ? static_cast<double>(k) : x[k]; }

void check_lengths(const char* kind, const std::string& name, std::size_t x, std::size_t y) {
  if (x != 0 && x != y) raise<ShapeError>("svg: {} \"{}\" has {} places and {} values", kind, name, x, y);
}

void check_lengths(const Chart& chart) {
  for (const Line& l : chart.lines) check_lengths("line", l.name, l.x.size(), l.y.size());
  for (const Band& b : chart.bands) {
    check_lengths("band", b.name, b.x.size(), b.low.size());
    if (b.low.size() != b.high.size())
      raise<ShapeError>("svg: band \"{}\" has {} low and {} high values", b.name, b.low.size(),
                        b.high.size());
  }
}

/// The colours of lines and bands, in order; a quiet line has none that matters.
struct Colours {
  std::vector<std::size_t> lines, bands;

  explicit Colours(const Chart& chart) {
    std::size_t next = 0;
    for (const Line& l : chart.lines) lines.push_back(l.quiet ? 0 : l.colour ? *l.colour : next++);
    for (std::size_t k = 0; k < chart.bands.size(); ++k)
      bands.push_back(chart.bands[k].colour ? *chart.bands[k].colour : k);
  }
  std::size_t count() const {
    std::size_t most = 0;
    for (const auto* list : {&lines, &bands})
      for (const std::size_t c : *list) most = std::max(most, c + 1);
    return most;
  }
};

std::string dashes(Stroke stroke) {
  return stroke == Stroke::dashed   ? " stroke-dasharray=\"7 4\""
         : stroke == Stroke::dotted ? " stroke-dasharray=\"1.5 3.5\""
                                    : "";
}

/// A chart while it is drawn: (0, 0) is the upper left corner of the area between the axes.
class ChartDrawing {
 public:
  ChartDrawing(Sheet& sheet, const Chart& chart, double width)
      : sheet_(sheet), chart_(chart), colours_(chart), width_(width), x_(spans().first), y_(spans().second) {}

  double draw() {
    double top = 0;
    if (!chart_.title.empty()) {
      sheet_.text(0, top + 15, shortened(chart_.title, text_size, width_), {.size = text_size, .bold = true});
      top += 26;
    }
    if (chart_.legend == Legend::above) top = draw_legend(top);
    if (!chart_.y.title.empty()) {
      sheet_.text(0, top + 13, shortened(chart_.y.title, small_size, width_), {.quiet = true});
      top += line_height;
    }
    place_axes();
    sheet_.open(left_, top + gap);
    draw_grid();
    draw_inside();
    if (chart_.legend == Legend::ends) draw_ends();
    sheet_.close();
    return top + gap + chart_.height + line_height + (chart_.x.title.empty() ? 0 : line_height);
  }

 private:
  std::pair<Span, Span> spans() const {
    Extent x(chart_.x.scale), y(chart_.y.scale);
    bool points = false;
    for (const Line& l : chart_.lines) {
      points = points || l.stroke == Stroke::points;
      for (std::size_t k = 0; k < l.y.size(); ++k) x.add(x_of(l.x, k)), y.add(l.y[k]);
    }
    for (const Band& b : chart_.bands)
      for (std::size_t k = 0; k < b.low.size(); ++k) x.add(x_of(b.x, k)), y.add(b.low[k]), y.add(b.high[k]);
    return {x.span(chart_.x, "x", points ? 0.03 : 0), y.span(chart_.y, "y", 0.04)};
  }

  void place_axes() {
    y_.begin = chart_.height, y_.end = 0;
    y_ticks_ = chart_.y.ticks.empty() ? ticks_of(y_, 48) : chart_.y.ticks;
    double widest = 0, names = 0;
    for (const Tick& t : y_ticks_) widest = std::max(widest, text_width(t.text, small_size));
    if (chart_.legend == Legend::ends)
      for (const Line& l : chart_.lines)
        names = std::max(names, l.name.empty() ? 0 : text_width(l.name, small_size) + gap + 10);
    left_ = std::min(widest + gap, width_ / 3);
    names_ = std::min(names, width_ / 3);
    area_ = width_ - left_ - std::max(names_, 14.0);
    x_.begin = 0, x_.end = area_;
    x_ticks_ =
        chart_.x.ticks.empty() ? ticks_of(x_, chart_.x.scale == Scale::time ? 110 : 75) : chart_.x.ticks;
  }

  /// In rows from the left. Returns where they end.
  double draw_legend(double top) {
    double x = 0;
    bool any = false;
    const auto entry = [&](const std::string& name, auto&& mark) {
      if (name.empty()) return;
      const std::string text = shortened(name, small_size, width_ - swatch - gap);
      const double needed = swatch + 6 + text_width(text, small_size);
      if (any && x + needed > width_) x = 0, top += line_height;
      mark(x, top + 9);
      sheet_.text(x + swatch + 6, top + 13, text);
      x += needed + 14;
      any = true;
    };
    for (std::size_t k = 0; k < chart_.lines.size(); ++k)
      entry(chart_.lines[k].name, [&](double at, double y) { draw_swatch(k, at, y, swatch); });
    for (std::size_t k = 0; k < chart_.bands.size(); ++k)
      entry(chart_.bands[k].name, [&](double at, double y) {
        sheet_.area(fmt::format("M{} {}h{}v10h-{}z", px(at), px(y - 5), swatch, swatch), colours_.bands[k],
                    0.25);
      });
    return any ? top + line_height + 4 : top;
  }

  void draw_swatch(std::size_t k, double x, double y, double length) {
    if (chart_.lines[k].stroke == Stroke::points)
      draw_path(k, fmt::format("M{} {}h0", px(x + length / 2), px(y)));
    else
      draw_path(k, fmt::format("M{} {}h{}", px(x), px(y), px(length)));
  }

  void draw_path(std::size_t k, std::string_view d) {
    const Line& l = chart_.lines[k];
    const bool points = l.stroke == Stroke::points;
    const std::string more = fmt::format(" stroke-width=\"{}\" stroke-linejoin=\"round\"{}{}",
                                         points    ? "5"
                                         : l.quiet ? "1.3"
                                                   : "2",
                                         points ? " stroke-linecap=\"round\"" : "", dashes(l.stroke));
    if (l.quiet)
      sheet_.quiet_path(d, more);
    else
      sheet_.path(d, colours_.lines[k], more);
  }

  void draw_grid() {
    for (const Tick& t : y_ticks_) {
      if (!y_.holds(t.at)) continue;
      const double at = y_.place(t.at);
      if (at < -0.5 || at > chart_.height + 0.5) continue;
      sheet_.rule(0, at, area_, at);
      sheet_.text(-gap, at + 4.5, shortened(t.text, small_size, left_ - gap),
                  {.anchor = Anchor::end, .quiet = true});
    }
    sheet_.rule(0, chart_.height, area_, chart_.height, true);
    draw_x_ticks();
    if (!chart_.x.title.empty())
      sheet_.text(area_ / 2, chart_.height + 2 * line_height - 2,
                  shortened(chart_.x.title, small_size, width_), {.anchor = Anchor::middle, .quiet = true});
  }

  void draw_x_ticks() {
    double free = -1e9;  // right of the last label
    for (const Tick& t : x_ticks_) {
      if (!x_.holds(t.at)) continue;
      const double at = x_.place(t.at), half = text_width(t.text, small_size) / 2;
      if (at < -0.5 || at > area_ + 0.5) continue;
      sheet_.rule(at, chart_.height, at, chart_.height + 5, true);
      const double middle = std::clamp(at, half - left_, std::max(half - left_, width_ - left_ - half));
      if (middle - half < free) continue;
      free = middle + half + 4;
      sheet_.text(middle, chart_.height + 18, t.text, {.anchor = Anchor::middle, .quiet = true});
    }
  }

  void draw_inside() {
    sheet_.open_clipped(0, 0, area_, chart_.height);
    for (std::size_t k = 0; k < chart_.bands.size(); ++k) draw_band(k);
    for (const Mark& m : chart_.marks) draw_mark(m);
    bool any = !chart_.bands.empty();
    for (std::size_t k = 0; k < chart_.lines.size(); ++k) any = draw_line(k) || any;
    for (const Note& n : chart_.notes)
      if (x_.holds(n.x) && y_.holds(n.y)) sheet_.text(x_.place(n.x) + 6, y_.place(n.y) - 6, n.text);
    if (!any && chart_.marks.empty())
      sheet_.text(area_ / 2, chart_.height / 2, "no data", {.anchor = Anchor::middle, .quiet = true});
    sheet_.close(true);
  }

  void draw_mark(const Mark& m) {
    if (!(m.level ? y_ : x_).holds(m.at)) return;
    const double at = (m.level ? y_ : x_).place(m.at);
    if (m.level) {
      sheet_.rule(0, at, area_, at, true, true);
      sheet_.text(area_ - 4, at - 5, m.text, {.anchor = Anchor::end, .quiet = true});
    } else {
      sheet_.rule(at, 0, at, chart_.height, true, true);
      const bool right = at + text_width(m.text, small_size) + 10 < area_;
      sheet_.text(right ? at + 5 : at - 5, 13, m.text,
                  {.anchor = right ? Anchor::start : Anchor::end, .quiet = true});
    }
  }

  /// A tenth of a pixel per unit is the most that a coordinate can be: what is far outside is moved nearer.
  static double near(double pixels) { return std::clamp(pixels, -1e5, 1e5); }

  void draw_band(std::size_t k) {
    const Band& b = chart_.bands[k];
    PathText path;
    std::vector<std::size_t> part;  // points in one piece
    const auto finish = [&] {
      for (std::size_t n = 0; n < part.size(); ++n) {
        const double x = near(x_.place(x_of(b.x, part[n]))), y = near(y_.place(b.high[part[n]]));
        n ? path.line(x, y) : path.move(x, y);
      }
      for (std::size_t n = part.size(); n-- > 0;)
        path.line(near(x_.place(x_of(b.x, part[n]))), near(y_.place(b.low[part[n]])));
      part.clear();
    };
    for (const std::size_t n : kept(b.x, b.high)) {
      if (x_.holds(x_of(b.x, n)) && y_.holds(b.low[n]) && y_.holds(b.high[n]))
        part.push_back(n);
      else
        finish();
    }
    finish();
    if (!path.text().empty()) sheet_.area(path.text(), colours_.bands[k], 0.25);
  }

  /// Whether there was a point.
  bool draw_line(std::size_t k) {
    const Line& l = chart_.lines[k];
    PathText path;
    bool down = false;  // the pen
    double before = 0;
    for (const std::size_t n : kept(l.x, l.y)) {
      const double at = x_of(l.x, n);
      if (!x_.holds(at) || !y_.holds(l.y[n])) {
        down = false;
        continue;
      }
      const double x = near(x_.place(at)), y = near(y_.place(l.y[n]));
      if (!down || l.stroke == Stroke::points) {
        path.move(x, y);
        const bool alone = n + 1 >= l.y.size() || !y_.holds(l.y[n + 1]);
        if (l.stroke == Stroke::points || alone) path.line(x, y);
      } else {
        if (l.stroke == Stroke::steps) path.line(x, before);
        path.line(x, y);
      }
      before = y, down = true;
    }
    if (path.text().empty()) return false;
    draw_path(k, path.text());
    return true;
  }

  /// The points to draw: all, or of each pixel the first, the least, the largest, the last, and gaps.
  std::vector<std::size_t> kept(const std::vector<double>& x, const std::vector<double>& y) const {
    std::vector<std::size_t> all(y.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    const bool in_order = x.empty() || std::is_sorted(x.begin(), x.end());
    if (static_cast<double>(y.size()) < 8 * area_ || !in_order) return all;
    std::vector<std::size_t> result;
    for (std::size_t n = 0; n < all.size();) {
      const double column = std::floor(x_.place(x_of(x, n)));
      std::size_t low = n, high = n, end = n;
      for (; end < all.size() && std::floor(x_.place(x_of(x, end))) == column &&
             y_.holds(y[end]) == y_.holds(y[n]);
           ++end) {
        if (y[end] < y[low]) low = end;
        if (y[end] > y[high]) high = end;
      }
      for (const std::size_t m : {n, std::min(low, high), std::max(low, high), end - 1, end})
        if (m < std::max(end, n + 1) && (result.empty() || result.back() < m)) result.push_back(m);
      n = std::max(end, n + 1);
    }
    return result;
  }

  /// The names at the ends of lines, moved apart where they would overlap.
  void draw_ends() {
    struct End {
      std::size_t line;
      double y;
    };
    std::vector<End> ends;
    for (std::size_t k = 0; k < chart_.lines.size(); ++k) {
      const Line& l = chart_.lines[k];
      for (std::size_t n = l.y.size(); n-- > 0 && !l.name.empty();)
        if (x_.holds(x_of(l.x, n)) && y_.holds(l.y[n])) {
          ends.push_back({k, std::clamp(y_.place(l.y[n]), 0.0, chart_.height)});
          break;
        }
    }
    std::stable_sort(ends.begin(), ends.end(), [](const End& a, const End& b) { return a.y < b.y; });
    constexpr double apart = 16;
    for (std::size_t k = 1; k < ends.size(); ++k) ends[k].y = std::max(ends[k].y, ends[k - 1].y + apart);
    for (std::size_t k = ends.size(); k-- > 0;)
      ends[k].y = std::min(ends[k].y, k + 1 < ends.size() ? ends[k + 1].y - apart : chart_.height);
    for (const End& e : ends) {
      draw_swatch(e.line, area_ + 3, e.y, 9);
      sheet_.text(area_ + 16, e.y + 4.5, shortened(chart_.lines[e.line].name, small_size, names_ - 16));
    }
  }

  Sheet& sheet_;
  const Chart& chart_;
  Colours colours_;
  double width_, left_ = 0, names_ = 0, area_ = 0;
  Span x_, y_;
  std::vector<Tick> x_ticks_, y_ticks_;
};

}  // namespace

double draw(Sheet& sheet, const Chart& chart, double width) {
  return ChartDrawing(sheet, chart, width).draw();
}

std::size_t colours_of(const Chart& chart) {
  check_lengths(chart);
  return Colours(chart).count();
}

}  // namespace unroll::report::drawing
