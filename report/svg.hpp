#pragma once
/// \file Pictures: curves and heat maps as SVG, small, legible on light and dark pages and at the width of a phone.
///
/// A picture is data: fill in a Figure, and svg_text() or write_svg() draws it.
///
///     report::Chart chart{.title = "Loss", .x = {.title = "step"}, .y = {.title = "nats", .scale = report::Scale::log}};
///     chart.lines.push_back({.name = "LSTM", .x = steps, .y = loss});
///     report::write_svg("loss.svg", {.description = "The loss falls.", .panels = {chart}});

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstddef>
#include <filesystem>
#include <string>

#include "unroll/report/figure.hpp"

namespace unroll::report {

/// Where a picture will stand.
struct SvgOptions {
  /// A file of its own, with its background and the colours of dark pages. Otherwise an element of a page of HTML,
  /// which has no style of its own: the page includes svg_dark_rules() once.
  bool standalone = true;
};

/// What:   the picture. Lines of more points than can be seen are thinned; the least and the largest value of each
///         column of pixels stay. Text is escaped: it may come from anywhere.
/// Errors: ShapeError where lists of a line, a band or a heat map differ in length, naming it.
std::string svg_text(const Figure& figure, const SvgOptions& options = {});

/// What:   writes svg_text(figure) to a file, whole or not at all.
/// Errors: as svg_text; DataError if the file cannot be written; it is then as it was.
void write_svg(const std::filesystem::path& file, const Figure& figure);

/// What:   the rules of CSS that give pictures inside a page of HTML their colours on a dark page, each behind
///         `selector` and a blank: ":root[data-theme=dark]", say; nothing to put them in a media query.
///         On a light page pictures need no rules. Classes begin with "u-".
///         `colours` is how many lines the page's picture with the most of them has.
std::string svg_dark_rules(const std::string& selector = {}, std::size_t colours = 32);

}  // namespace unroll::report
