#include "unroll/detail/report/svg_sheet.hpp"

#include <fmt/format.h>

#include <cmath>

#include "unroll/report/escape_xml.hpp"

namespace unroll::report::drawing {
namespace {

std::string tenths(long value) {
  const long whole = std::abs(value) / 10, rest = std::abs(value) % 10;
  std::string text = value < 0 ? "-" : "";
  if (whole || !rest) text += std::to_string(whole);
  if (rest) text += "." + std::to_string(rest);
  return text;
}

long in_tenths(double value) { return std::lround(10 * value); }

}  // namespace

std::string px(double value) { return tenths(in_tenths(value)); }

void PathText::append(long dx, long dy) {
  text_ += tenths(dx);
  if (dy >= 0) text_ += ' ';  // a minus separates, too
  text_ += tenths(dy);
}

void PathText::move(double x, double y) {
  x_ = in_tenths(x), y_ = in_tenths(y);
  text_ += 'M';
  append(x_, y_);
  drawn_ = false;
}

void PathText::line(double x, double y) {
  const long to_x = in_tenths(x), to_y = in_tenths(y);
  if (drawn_ && to_x == x_ && to_y == y_) return;
  text_ += 'l';
  append(to_x - x_, to_y - y_);
  x_ = to_x, y_ = to_y;
  drawn_ = true;
}

void Sheet::text(double x, double y, std::string_view text, const TextStyle& style) {
  body_ += style.turned ? fmt::format("<text transform=\"translate({} {}) rotate(-90)\"", px(x), px(y))
                        : fmt::format("<text x=\"{}\" y=\"{}\"", px(x), px(y));
  if (style.anchor != Anchor::start)
    body_ += style.anchor == Anchor::end ? " text-anchor=\"end\"" : " text-anchor=\"middle\"";
  if (style.size != small_size) body_ += fmt::format(" font-size=\"{}\"", px(style.size));
  if (style.bold) body_ += " font-weight=\"600\"";
  if (style.fixed) body_ += " font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\"";
  if (style.quiet) body_ += fmt::format(" class=\"u-q\" fill=\"{}\"", theme().quiet.light);
  body_ += fmt::format(">{}</text>\n", escape_xml(text));
}

void Sheet::rule(double x1, double y1, double x2, double y2, bool strong, bool dashed) {
  body_ += fmt::format("<path d=\"M{} {}L{} {}\" class=\"{}\" stroke=\"{}\"{}/>\n", px(x1), px(y1), px(x2),
                       px(y2), strong ? "u-a" : "u-g", (strong ? theme().quiet : theme().grid).light,
                       dashed ? " stroke-dasharray=\"4 3\"" : "");
}

void Sheet::path(std::string_view d, std::size_t colour, std::string_view more) {
  colour %= colours_.size();
  body_ += fmt::format("<path d=\"{}\" class=\"u-s{}\" fill=\"none\" stroke=\"{}\"{}/>\n", d, colour,
                       colours_[colour].light, more);
}

void Sheet::quiet_path(std::string_view d, std::string_view more) {
  body_ += fmt::format("<path d=\"{}\" class=\"u-a\" fill=\"none\" stroke=\"{}\"{}/>\n", d,
                       theme().quiet.light, more);
}

void Sheet::area(std::string_view d, std::size_t colour, double share) {
  colour %= colours_.size();
  body_ += fmt::format("<path d=\"{}\" class=\"u-f{}\" fill=\"{}\" fill-opacity=\"{:.2g}\"/>\n", d, colour,
                       colours_[colour].light, share);
}

void Sheet::open(double x, double y) {
  body_ += fmt::format("<g transform=\"translate({} {})\">\n", px(x), px(y));
}

void Sheet::open_clipped(double x, double y, double width, double height) {
  body_ += fmt::format("<svg x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" overflow=\"hidden\">\n", px(x),
                       px(y), px(width), px(height));
}

}  // namespace unroll::report::drawing
