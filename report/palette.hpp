#pragma once
/// \file Colours for lines, which the colour-blind can tell apart, for light and dark pages.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstddef>
#include <string>
#include <vector>

namespace unroll::report {

/// A colour on a page, "#0072b2", once for each kind of page.
struct Colour {
  std::string light;  ///< on a light page
  std::string dark;   ///< on a dark one
  bool operator==(const Colour&) const = default;
};

/// What a picture is drawn with beside its lines.
struct Theme {
  Colour paper;  ///< the background
  Colour ink;    ///< text and axes
  Colour quiet;  ///< text that matters less
  Colour grid;   ///< lines of the grid
};

/// That of every picture of this library.
const Theme& theme();

/// What:   `count` colours, the same first ones whatever the count: each stands out from the page, and is as far from
///         those before it as possible, also for people without red or green cones.
///         The first three are those of Okabe and Ito that stand out from white and from black; each further one is that
///         of a grid of colours whose least distance from all before, in OKLab, as seen with all cones and without
///         either kind, on the light page and on the dark, is the largest.
/// Limits: the further colours there are, the closer they are: more than about eight lines need labels or dashes, too.
/// Cost:   some milliseconds for dozens of colours.
/// Source: Okabe and Ito, Color universal design (2008); Machado, Oliveira, Fernandes, A physiologically-based model
///         for simulation of color vision deficiency (2009); Ottosson, A perceptual color space (2020).
std::vector<Colour> line_colours(std::size_t count);

/// How many colours pictures of this library have; a line beyond them has the colour of one before.
inline constexpr std::size_t most_line_colours = 512;

}  // namespace unroll::report
