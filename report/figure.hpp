#pragma once
/// \file What a picture shows: charts of curves and bands, and heat maps. svg.hpp draws it.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace unroll::report {

/// How an axis counts.
enum class Scale {
  linear,  ///< evenly
  log,     ///< by factors; what is not above 0 is left out
  time,  ///< seconds since the beginning of 1970, UTC, before it too: ticks are years, months, days, hours …
};

/// A tick of one's own.
struct Tick {
  double at;         ///< where
  std::string text;  ///< what it says
};

/// One side of a chart.
struct Axis {
  std::string title = {};           ///< what it counts, with the unit
  Scale scale = Scale::linear;      ///< how it counts
  std::optional<double> low = {};   ///< where it begins; by the data if empty
  std::optional<double> high = {};  ///< where it ends; by the data if empty
  std::vector<Tick> ticks = {};     ///< in place of those that it finds itself
};

/// How a line is drawn.
enum class Stroke {
  solid,   ///< ────
  dashed,  ///< ─ ─ ─
  dotted,  ///< ·····
  steps,   ///< solid, and constant until the next point
  points,  ///< a dot at each point, no line
};

/// A curve. Where x or y is not finite, there is a gap.
struct Line {
  std::string name = {};                   ///< for the legend; none if empty
  std::vector<double> x = {};              ///< if empty: 0, 1, 2 …
  std::vector<double> y = {};              ///< as many as x
  std::optional<std::size_t> colour = {};  ///< of line_colours(); the next one if empty
  Stroke stroke = Stroke::solid;           ///< how it is drawn
  bool quiet = false;  ///< grey and thin, as for a truth or a baseline; has no colour of its own
};

/// What lies between two curves, as an interval of a forecast. It is drawn below all lines.
struct Band {
  std::string name = {};                   ///< for the legend; none if empty
  std::vector<double> x = {};              ///< if empty: 0, 1, 2 …
  std::vector<double> low = {};            ///< as many as x
  std::vector<double> high = {};           ///< as many as x
  std::optional<std::size_t> colour = {};  ///< of line_colours(); that of the next line if empty
};

/// A straight line across the chart, with a word: where training ends, say.
struct Mark {
  double at;              ///< on the axis that it crosses
  std::string text = {};  ///< beside it
  bool level = false;     ///< it crosses the y-axis, otherwise the x-axis
};

/// A word at a point.
struct Note {
  double x;          ///< where
  double y;          ///< where
  std::string text;  ///< what it says
};

/// Where the names of lines stand.
enum class Legend {
  above,  ///< in rows above the chart
  ends,   ///< each at the right end of its line
  none,   ///< nowhere
};

/// Lines, bands, marks and notes over two axes.
struct Chart {
  std::string title = {};         ///< above it
  Axis x = {};                    ///< the lower side
  Axis y = {};                    ///< the left side
  std::vector<Band> bands = {};   ///< lowest
  std::vector<Line> lines = {};   ///< above the bands
  std::vector<Mark> marks = {};   ///< across
  std::vector<Note> notes = {};   ///< on top
  Legend legend = Legend::above;  ///< where names stand
  double height = 300;            ///< of the area between the axes
};

/// A table of numbers as shades: the further from 0, the stronger. Negative numbers have a colour of their own.
struct HeatMap {
  std::string title = {};                 ///< above it
  std::vector<std::string> rows = {};     ///< a label for each row, or none at all
  std::vector<std::string> columns = {};  ///< a label for each column, or none at all
  std::size_t width = 0;                  ///< number of columns
  std::vector<double> values = {};        ///< row by row; what is not finite is left blank
  std::optional<double> full = {};        ///< the size that has the full colour; the largest if empty
  bool log = false;                       ///< shades by powers of ten, from full · 10^(−decades) on
  double decades = 6;                     ///< of log
  std::string unit = {};            ///< what the numbers are, beside the scale; no scale is drawn if empty
  std::string row_title = {};       ///< what the rows are
  std::string column_title = {};    ///< what the columns are
  std::optional<double> cell = {};  ///< the side of a cell, at most; by the width if empty
  bool square = true;               ///< cells are as high as they are wide; otherwise of a line of text
  bool upright = false;             ///< the labels of columns are not turned: for single characters
};

/// One part of a figure.
using Panel = std::variant<Chart, HeatMap>;

/// A picture: panels below each other or side by side.
struct Figure {
  std::string title = {};        ///< above all
  std::string description = {};  ///< for those who cannot see it; should say what there is to see
  double width = 600;       ///< in pixels, of which 15 are a line of text; what is wider shrinks on a phone
  std::size_t columns = 1;  ///< panels side by side
  std::vector<Panel> panels = {};  ///< row by row
};

}  // namespace unroll::report
