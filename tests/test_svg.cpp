#include "unroll/report/svg.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>

#include "arrays.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/report/palette.hpp"

using namespace unroll;
using namespace unroll::report;
using unroll::tests::message_of;

namespace {

std::string chart_of(std::vector<double> y, Scale scale, Axis x = {}, std::vector<double> at = {}) {
  return svg_text({.panels = {Chart{
                       .x = std::move(x),
                       .y = {.scale = scale},
                       .lines = {{.x = std::move(at), .y = std::move(y)}},
                   }}});
}

/// Whether every number in the picture is one.
bool has_numbers_only(const std::string& svg) {
  return svg.find("nan") == svg.npos && svg.find("inf") == svg.npos;
}

/// Labels of the axes.
std::size_t texts_in(const std::string& svg) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = svg.find("<text ", at)) != svg.npos; ++at) ++count;
  return count;
}

Chart chart_of_lines(std::size_t count) {
  Chart chart;
  for (std::size_t k = 0; k < count; ++k) chart.lines.push_back({.y = {0.0, static_cast<double>(k)}});
  return chart;
}

}  // namespace

TEST_CASE(
    "svg: the largest and the smallest numbers have a place on an axis, by differences and by factors") {
  constexpr double most = 1e300, least = 5e-324;
  for (const auto& y : std::vector<std::vector<double>>{
           {most, 1}, {-most, most}, {most, most}, {least, 2 * least}, {least, most}, {1e-300, most}})
    for (const Scale scale : {Scale::linear, Scale::log, Scale::time}) {
      CAPTURE(y[0]);
      CAPTURE(y[1]);
      CHECK(has_numbers_only(chart_of(y, scale)));
      CHECK(has_numbers_only(chart_of({1, 2}, Scale::linear, {.scale = scale}, y)));
    }
}

TEST_CASE("svg: what is larger than any axis shows, or no number, is a gap") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::string svg = chart_of({1, 1e308, -1e308, infinity, std::nan(""), 2}, Scale::linear);
  CHECK(has_numbers_only(svg));
  CHECK(svg.find("no data") == svg.npos);
  CHECK(chart_of({-1, 0, 5e-324}, Scale::log).find("no data") != std::string::npos);
}

TEST_CASE("svg: nearly equal values by factors are a line between ticks") {
  for (const double factor : {1.0, 1 + 1e-15, 1 + 1e-12, 1 + 1e-10})
    for (const double level : {1.0, 12345.678, 1e-290, 1e299}) {
      CAPTURE(level);
      const std::string svg = chart_of({level, factor * level}, Scale::log);
      CHECK(has_numbers_only(svg));
      CHECK(texts_in(svg) >= 5);  // two on either axis at least, and one more of the x-axis
    }
}

TEST_CASE("svg: numbers in powers of ten keep one digit before the point") {
  CHECK(chart_of({9.9996e6, 9.9996e6}, Scale::log).find("10·10") == std::string::npos);
  CHECK(chart_of({1e6, 1e9}, Scale::log).find(">10⁹<") != std::string::npos);
  CHECK(chart_of({2e-9, 5e-9}, Scale::log).find(">2·10⁻⁹<") != std::string::npos);
  const HeatMap tiny{.width = 1, .values = {5e-324}, .log = true, .unit = "nats"};
  CHECK(has_numbers_only(svg_text({.panels = {tiny}})));
}

TEST_CASE("svg: ticks of an axis are not cut off, whatever the width of the widest") {
  for (int digits = -9; digits < 12; ++digits) {
    const double unit = std::pow(10, digits);
    CAPTURE(unit);
    CHECK(chart_of({unit, 3 * unit}, Scale::log).find("…") == std::string::npos);
    CHECK(chart_of({unit, 3 * unit}, Scale::linear).find("…") == std::string::npos);
  }
}

TEST_CASE("svg: an axis that is given a range it cannot show is an error that names both ends") {
  const Chart chart{.y = {.scale = Scale::log, .low = -1.0, .high = 1.0}};
  CHECK(message_of<UsageError>([&] { svg_text({.panels = {chart}}); }) ==
        "svg: the y-axis cannot reach from -1 to 1 by factors");
}

TEST_CASE("svg: there are as many colours as lines") {
  constexpr std::size_t lines = 40;
  const std::string svg = svg_text({.panels = {chart_of_lines(lines)}});
  const auto colours = line_colours(lines);
  std::set<std::string> light, dark;
  for (std::size_t k = 0; k < lines; ++k) {
    light.insert(colours[k].light), dark.insert(colours[k].dark);
    CAPTURE(k);
    CHECK(svg.find("class=\"u-s" + std::to_string(k) + "\" fill=\"none\" stroke=\"" + colours[k].light +
                   "\"") != svg.npos);
    CHECK(svg.find(".u-s" + std::to_string(k) + "{stroke:" + colours[k].dark + "}") != svg.npos);
  }
  CHECK(light.size() == lines);
  CHECK(dark.size() == lines);
  CHECK(svg_dark_rules("", lines).find(".u-f39{fill:" + colours[39].dark + "}") != std::string::npos);
}

TEST_CASE("svg: a line beyond the last colour has one of those before") {
  const auto colours = line_colours(most_line_colours);
  Chart chart;
  chart.lines.push_back({.y = {0, 1}, .colour = 1'000'000'000'000});
  CHECK(svg_text({.panels = {chart}})
            .find("stroke=\"" + colours[1'000'000'000'000 % most_line_colours].light + "\"") !=
        std::string::npos);
}

TEST_CASE("svg: a picture is not written over a device") {
  CHECK(message_of<DataError>([] { write_svg("/dev/null", {}); }) ==
        "/dev/null: cannot write: it is not a regular file");
}
