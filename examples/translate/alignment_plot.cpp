#include "translate/alignment_plot.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "unroll/data/utf8.hpp"
#include "unroll/io/atomic_file.hpp"

namespace unroll::translate {
namespace {

constexpr double cell = 24, letter = 9, gap = 8;  // in pixels; a letter is about that wide

/// Text as XML takes it: without what would be markup, or is not allowed at all.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else
      result += static_cast<unsigned char>(c) < ' ' ? '?' : c;
  }
  return result;
}

double widest(const std::vector<std::string>& words) {
  std::size_t most = 0;
  for (const std::string& word : words) most = std::max(most, count_characters(word));
  return letter * static_cast<double>(most) + 2 * gap;
}

}  // namespace

void write_alignment_plot(const std::filesystem::path& file, const std::vector<std::string>& source,
                          const std::vector<std::string>& target, const Variable<float>& weights) {
  const double left = widest(target), top = widest(source);
  const double width = left + cell * static_cast<double>(source.size()) + gap,
               height = top + cell * static_cast<double>(target.size()) + gap;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:g}\" height=\"{1:g}\" viewBox=\"0 0 {0:g} "
      "{1:g}\" "
      "font-family=\"sans-serif\" font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      width, height);
  const auto middle = [](double begin, std::size_t k) {
    return begin + cell * (static_cast<double>(k) + 0.5);
  };
  for (std::size_t s = 0; s < source.size(); ++s)
    svg += fmt::format("<text transform=\"translate({:g} {:g}) rotate(-90)\">{}</text>\n",
                       middle(left, s) + 5, top - gap, escaped(source[s]));
  for (std::size_t t = 0; t < target.size(); ++t) {
    svg += fmt::format("<text x=\"{:g}\" y=\"{:g}\" text-anchor=\"end\">{}</text>\n", left - gap,
                       middle(top, t) + 5, escaped(target[t]));
    for (std::size_t s = 0; s < source.size(); ++s) {
      const float weight = weights.data()[t * source.size() + s];
      svg += fmt::format(
          "<rect x=\"{:g}\" y=\"{:g}\" width=\"{}\" height=\"{}\" fill=\"#1f4e8c\" "
          "fill-opacity=\"{:.3f}\" stroke=\"#ccc\"><title>{} – {}: {:.3f}</title></rect>\n",
          left + cell * static_cast<double>(s), top + cell * static_cast<double>(t), cell, cell, weight,
          escaped(source[s]), escaped(target[t]), weight);
    }
  }
  svg += "</svg>\n";
  io::write_file_atomically(file, std::as_bytes(std::span(svg)));
}

}  // namespace unroll::translate
