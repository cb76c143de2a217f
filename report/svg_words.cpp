#include "unroll/detail/report/svg_words.hpp"

#include <array>

#include "unroll/data/utf8.hpp"

namespace unroll::report {
namespace {

/// Of Helvetica, in thousandths of the size: U+0020 to U+007E.
constexpr std::array<short, 95> widths{
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333,  278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667,  611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278,  556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500,  500, 334, 260, 334, 584};

double width_of(char32_t c) {
  if (c < 0x20) return 0;
  if (c - 0x20 < widths.size()) return widths[c - 0x20];
  if (c >= 0x300 && c < 0x370) return 0;  // accents on the letter before
  return c < 0x1100 ? 580 : 1000;         // from there on the scripts of East Asia, and pictures
}

}  // namespace

namespace drawing {

double text_width(std::string_view text, double size) {
  double sum = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    sum += width_of(c.fault.empty() ? c.value : 0xFFFD);
    at += c.length;
  }
  return 1.1 * size * sum / 1000;
}

std::string shortened(std::string_view text, double size, double width) {
  constexpr double rounding = 0.05;  // `width` may be this text's own, and something added and taken away
  if (text_width(text, size) <= width + rounding) return std::string(text);
  std::size_t end = 0;
  for (std::size_t at = 0; at < text.size() && text_width(text.substr(0, at), size) + size <= width;) {
    end = at;
    at += code_point_at(text, at).length;
  }
  return std::string(text.substr(0, end)) + "…";
}

}  // namespace drawing
}  // namespace unroll::report
