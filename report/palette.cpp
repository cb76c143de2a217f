#include "unroll/report/palette.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <optional>

namespace unroll::report {
namespace {

using Triple = std::array<double, 3>;  // linear R, G, B; or L, a, b of OKLab
using Matrix = std::array<Triple, 3>;

Triple operator*(const Matrix& m, const Triple& v) {
  Triple result{};
  for (std::size_t k = 0; k < 3; ++k) result[k] = m[k][0] * v[0] + m[k][1] * v[1] + m[k][2] * v[2];
  return result;
}

constexpr Matrix all_cones{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
// Machado, Oliveira, Fernandes (2009), severity 1, of linear RGB.
constexpr Matrix without_red{
    {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}}};
constexpr Matrix without_green{
    {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}}};
constexpr std::array visions{all_cones, without_red, without_green};

// Ottosson (2020): from linear RGB to cones, from their cube roots to OKLab, and back.
constexpr Matrix cones_of_rgb{{{0.4122214708, 0.5363325363, 0.0514459929},
                               {0.2119034982, 0.6806995451, 0.1073969566},
                               {0.0883024619, 0.2817188376, 0.6299787005}}};
constexpr Matrix lab_of_roots{{{0.2104542553, 0.7936177850, -0.0040720468},
                               {1.9779984951, -2.4285922050, 0.4505937099},
                               {0.0259040371, 0.7827717662, -0.8086757660}}};
constexpr Matrix roots_of_lab{
    {{1, 0.3963377774, 0.2158037573}, {1, -0.1055613458, -0.0638541728}, {1, -0.0894841775, -1.2914855480}}};
constexpr Matrix rgb_of_cones{{{4.0767416621, -3.3077115913, 0.2309699292},
                               {-1.2684380046, 2.6097574011, -0.3413193965},
                               {-0.0041960863, -0.7034186147, 1.7076147010}}};

Triple ok_lab(const Triple& rgb) {
  Triple c = cones_of_rgb * rgb;
  for (double& x : c) x = std::cbrt(x);
  return lab_of_roots * c;
}

/// sRGB, of linear RGB in [0, 1]; nothing where it is outside.
std::optional<std::string> hex_of(const Triple& rgb) {
  std::array<int, 3> bytes{};
  for (std::size_t k = 0; k < 3; ++k) {
    const double x = rgb[k];
    if (x < -1e-4 || x > 1 + 1e-4) return std::nullopt;
    const double s = x <= 0.0031308 ? 12.92 * x : 1.055 * std::pow(x, 1 / 2.4) - 0.055;
    bytes[k] = static_cast<int>(std::lround(255 * std::clamp(s, 0.0, 1.0)));
  }
  return fmt::format("#{:02x}{:02x}{:02x}", bytes[0], bytes[1], bytes[2]);
}

Triple rgb_of(const std::string& hex) {
  Triple rgb{};
  for (std::size_t k = 0; k < 3; ++k) {
    const double s = std::stoi(hex.substr(1 + 2 * k, 2), nullptr, 16) / 255.0;
    rgb[k] = s <= 0.04045 ? s / 12.92 : std::pow((s + 0.055) / 1.055, 2.4);
  }
  return rgb;
}

/// A colour, and where each vision sees it, on both pages.
struct Seen {
  Colour colour;
  std::array<Triple, 2 * visions.size()> places;

  explicit Seen(Colour c) : colour(std::move(c)) {
    for (std::size_t k = 0; k < places.size(); ++k)
      places[k] = ok_lab(visions[k / 2] * rgb_of(k % 2 ? colour.dark : colour.light));
  }
};

/// Where it is least; those who see all colours are to be given more of a difference than has to be.
double distance_of(const Seen& a, const Seen& b) {
  double least = 1e9;
  for (std::size_t k = 0; k < a.places.size(); ++k) {
    const Triple &p = a.places[k], &q = b.places[k];
    const double distance = std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
    least = std::min(least, k < 2 ? distance / 2 : distance);
  }
  return least;
}

/// The hue at this lightness; as colourful as a screen can show, up to `chroma`.
std::string hex_of(double lightness, double chroma, double hue) {
  Triple c = roots_of_lab * Triple{lightness, chroma * std::cos(hue), chroma * std::sin(hue)};
  for (double& x : c) x = x * x * x;
  const auto hex = hex_of(rgb_of_cones * c);
  return hex ? *hex : hex_of(lightness, chroma - 0.005, hue);
}

/// One hue on both pages: as much lighter than the middle on the dark one as it is darker on the light one.
Seen on_both(double lightness, double chroma, double hue) {
  return Seen({hex_of(lightness, chroma, hue), hex_of(1.3 - lightness, chroma, hue)});
}

Seen on_both(const std::string& hex) {
  const Triple c = ok_lab(rgb_of(hex));
  return on_both(c[0], std::hypot(c[1], c[2]), std::atan2(c[2], c[1]));
}

/// Colours dark enough for a light page, and so light enough for a dark one.
std::vector<Seen> candidates() {
  std::vector<Seen> found;
  for (double lightness = 0.34; lightness < 0.67; lightness += 0.04)
    for (double chroma = 0.1; chroma < 0.23; chroma += 0.04)
      for (int hue = 0; hue < 24; ++hue)
        found.push_back(on_both(lightness, chroma, hue * std::numbers::pi / 12));
  return found;
}

/// Appends the candidate that is farthest from all there are.
void add_farthest(std::vector<Seen>& colours, const std::vector<Seen>& from, std::vector<double>& distances) {
  for (std::size_t k = 0; k < from.size(); ++k)
    distances[k] = std::min(distances[k], distance_of(from[k], colours.back()));
  const auto best = std::max_element(distances.begin(), distances.end());
  colours.push_back(from[static_cast<std::size_t>(best - distances.begin())]);
}

}  // namespace

const Theme& theme() {
  static const Theme colours{.paper = {"#ffffff", "#14181d"},
                             .ink = {"#22303b", "#e4e9ed"},
                             .quiet = {"#5d6b76", "#9aa7b2"},
                             .grid = {"#e3e8ec", "#2c343c"}};
  return colours;
}

std::vector<Colour> line_colours(std::size_t count) {
  std::vector<Seen> colours;
  for (const char* hex : {"#0072b2", "#d55e00", "#009e73"}) colours.push_back(on_both(hex));
  if (count > colours.size()) {
    const std::vector<Seen> from = candidates();
    std::vector<double> distances(from.size(), 1e9);
    for (const Seen& first : colours)
      for (std::size_t k = 0; k < from.size(); ++k)
        distances[k] = std::min(distances[k], distance_of(from[k], first));
    while (colours.size() < count) add_farthest(colours, from, distances);
  }
  std::vector<Colour> result;
  for (std::size_t k = 0; k < count; ++k) result.push_back(colours[k].colour);
  return result;
}

}  // namespace unroll::report
