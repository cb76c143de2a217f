#include "unroll/report/svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/report/svg_sheet.hpp"
#include "unroll/detail/report/svg_words.hpp"
#include "unroll/io/atomic_file.hpp"
#include "unroll/report/escape_xml.hpp"
#include "unroll/report/palette.hpp"

namespace unroll::report {
namespace {

using drawing::Sheet;

constexpr double border = 12, between = 26;

/// Fills and strokes of a dark page, for the classes that Sheet gives.
std::string dark_rules(const std::string& selector, const std::vector<Colour>& colours) {
  const std::string before = selector.empty() ? "" : selector + " ";
  std::string rules;
  const auto add = [&](const std::string& name, const char* property, const Colour& colour) {
    rules += fmt::format("{}.u-{}{{{}:{}}}", before, name, property, colour.dark);
  };
  add("p", "fill", theme().paper);
  add("t", "fill", theme().ink);
  add("q", "fill", theme().quiet);
  add("a", "stroke", theme().quiet);
  add("g", "stroke", theme().grid);
  for (std::size_t k = 0; k < colours.size(); ++k) {
    add(fmt::format("s{}", k), "stroke", colours[k]);
    add(fmt::format("f{}", k), "fill", colours[k]);
  }
  return rules;
}

std::size_t colours_of(const Figure& figure) {
  std::size_t most = 0;
  for (const Panel& p : figure.panels)
    most = std::max(most, std::visit([](const auto& panel) { return drawing::colours_of(panel); }, p));
  return most;
}

/// Draws the panels. Returns the height of the picture.
double draw_panels(Sheet& sheet, const Figure& figure) {
  double top = border;
  if (!figure.title.empty()) {
    sheet.text(border, top + 17, drawing::shortened(figure.title, 17, figure.width - 2 * border),
               {.size = 17, .bold = true});
    top += 34;
  }
  const double columns = static_cast<double>(figure.columns);
  const double width = (figure.width - 2 * border - between * (columns - 1)) / columns;
  for (std::size_t k = 0; k < figure.panels.size(); k += figure.columns) {
    double highest = 0;
    for (std::size_t c = 0; c < figure.columns && k + c < figure.panels.size(); ++c) {
      sheet.open(border + (width + between) * static_cast<double>(c), top);
      highest = std::max(highest, std::visit([&](const auto& p) { return drawing::draw(sheet, p, width); },
                                             figure.panels[k + c]));
      sheet.close();
    }
    top += highest + between;
  }
  return top - (figure.panels.empty() ? 0 : between) + border;
}

}  // namespace

std::string svg_text(const Figure& figure, const SvgOptions& options) {
  if (!(figure.width >= 100 && figure.width <= 10000) || figure.columns == 0)
    raise<UsageError>("svg: need a width from 100 to 10000 and at least one column; got {} and {}",
                      figure.width, figure.columns);
  Sheet sheet(colours_of(figure));
  const double height = draw_panels(sheet, figure);
  const std::string name = figure.title.empty() ? figure.description : figure.title;
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "role=\"img\" "
      "aria-label=\"{2}\" font-family=\"system-ui, Helvetica, Arial, sans-serif\" font-size=\"{3}\" "
      "class=\"u-t\" "
      "fill=\"{4}\">\n",
      drawing::px(figure.width), drawing::px(height), escape_xml(name), drawing::px(drawing::small_size),
      theme().ink.light);
  if (!figure.description.empty()) text += fmt::format("<desc>{}</desc>\n", escape_xml(figure.description));
  if (options.standalone) {
    text += fmt::format("<style>@media (prefers-color-scheme:dark){{{}}}</style>\n",
                        dark_rules("", sheet.colours()));
    text += fmt::format("<rect width=\"100%\" height=\"100%\" class=\"u-p\" fill=\"{}\"/>\n",
                        theme().paper.light);
  }
  return text + sheet.body() + "</svg>\n";
}

void write_svg(const std::filesystem::path& file, const Figure& figure) {
  const std::string text = svg_text(figure);
  io::write_file_atomically(file, std::as_bytes(std::span(text)));
}

std::string svg_dark_rules(const std::string& selector, std::size_t colours) {
  return dark_rules(selector, line_colours(std::min(colours, most_line_colours)));
}

}  // namespace unroll::report
