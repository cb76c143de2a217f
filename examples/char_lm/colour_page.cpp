#include "char_lm/colour_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "unroll/data/utf8.hpp"

namespace unroll::char_lm {
namespace {

using nlohmann::ordered_json;

std::string base64(std::span<const std::uint8_t> bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve(bytes.size() / 3 * 4 + 4);
  for (std::size_t k = 0; k < bytes.size(); k += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - k);
    std::uint32_t word = 0;
    for (std::size_t j = 0; j < 3; ++j) word = word << 8 | (j < left ? bytes[k + j] : 0u);
    for (std::size_t j = 0; j < 4; ++j) text += j <= left ? digits[word >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

/// JSON that may stand inside a script element.
std::string embedded(const ordered_json& json) {
  std::string text;
  for (const char c : json.dump(-1, ' ', true, ordered_json::error_handler_t::replace))
    text += c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : c == '&' ? "\\u0026" : std::string(1, c);
  return text;
}

/// The size of the largest value of a unit in what is painted: it gets the full colour.
float strongest(std::span<const float> values) {
  float largest = 0;
  for (const float x : values) largest = std::max(largest, std::abs(x));
  return largest;
}

/// A byte for each value: 128 for 0, 1 and 255 for the strongest.
std::vector<std::uint8_t> quantised(std::span<const float> values, float full) {
  std::vector<std::uint8_t> bytes;
  for (const float x : values)
    bytes.push_back(static_cast<std::uint8_t>(128 + (full > 0 ? std::lround(127 * x / full) : 0)));
  return bytes;
}

ordered_json unit_data(const ColouredText& content) {
  ordered_json units = ordered_json::array();
  const Activity& activity = content.activity;
  for (std::size_t u = 0; u < activity.units.size(); ++u) {
    const auto values = activity.of(u).first(static_cast<std::size_t>(content.painted));
    const float full = strongest(values);
    ordered_json shares = ordered_json::array();
    for (const Tracking& tracking : content.tracking)
      shares.push_back(std::round(1000 * tracking.shares[u]) / 1000);
    units.push_back({{"name", unit_name(activity.units[u])},
                     {"full", std::round(1e4F * full) / 1e4F},
                     {"shares", std::move(shares)},
                     {"values", base64(quantised(values, full))}});
  }
  return units;
}

ordered_json page_data(const ColouredText& content) {
  ordered_json symbols = ordered_json::array(), names = ordered_json::array(), ids = ordered_json::array(),
               chances = ordered_json::array(), traits = ordered_json::array(), ends = ordered_json::array();
  for (std::int64_t t = 0; t < content.painted; ++t) {
    const std::string& symbol = content.symbols[static_cast<std::size_t>(t)];
    symbols.push_back(internal::visible(symbol));
    if (symbol.ends_with('\n')) ends.push_back(t);
    for (const Guess& guess : content.activity.guesses[static_cast<std::size_t>(t)]) {
      ids.push_back(guess.symbol);
      chances.push_back(std::lround(100 * guess.probability));
    }
  }
  for (const std::string& name : content.names) names.push_back(internal::visible(name));
  for (const Trait& trait : content.traits) traits.push_back(trait.name);
  return {{"symbols", symbols}, {"ends", ends},           {"names", names},   {"guesses", ids},
          {"chances", chances}, {"perStep", guess_count}, {"traits", traits}, {"units", unit_data(content)}};
}

/// The table of what units track: a row for each trait, with buttons for its best units.
std::string trait_table(const ColouredText& content) {
  if (content.traits.empty()) return "<p>The text is too short to tell what units track.</p>\n";
  std::string rows;
  for (std::size_t k = 0; k < content.traits.size(); ++k) {
    const Tracking& tracking = content.tracking[k];
    rows += fmt::format("<tr><th scope=row title=\"{}\">{}<td><div class=units>",
                        internal::escape_html(content.traits[k].meaning),
                        internal::escape_html(content.traits[k].name));
    for (std::size_t best = 0; best < std::min<std::size_t>(5, tracking.best.size()); ++best) {
      const std::size_t u = tracking.best[best];
      const Unit& unit = content.activity.units[u];
      const bool chance = tracking.shares[u] <= tracking.floor;
      rows += fmt::format(
          "<button type=button data-unit={}{} title=\"{}{}\">{}·{} <span>{:.0f} %</span></button>", u,
          chance ? " class=chance" : "", unit_name(unit), chance ? ": no more than chance" : "", unit.layer,
          unit.number, 100 * tracking.shares[u]);
    }
    rows += fmt::format("</div><td class=number>{:.1f} %</tr>\n", 100 * tracking.floor);
  }
  return "<table><thead><tr><th scope=col>what<th scope=col>layer·unit, and how much of it the unit tells"
         "<th scope=col class=number>chance</thead>\n<tbody>\n" +
         rows + "</tbody></table>\n";
}

std::string absent_note(const ColouredText& content) {
  if (content.absent.empty()) return {};
  std::string list;
  for (const std::string& name : content.absent) list += (list.empty() ? "" : ", ") + name;
  return fmt::format("<p class=quiet>The same in all of the text, so that nothing can track it: {}.</p>\n",
                     internal::escape_html(list));
}

constexpr const char* page_frame = R"html(<!doctype html>
<html lang=en>
<head>
<meta charset=utf-8>
<meta http-equiv=Content-Security-Policy content="default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'">
<meta name=viewport content="width=device-width, initial-scale=1">
<meta name=color-scheme content="light dark">
<title>Units of {model}</title>
<style nonce="{nonce}">{style}</style>
</head>
<body>
<header>
<h1>What the units of {model} do</h1>
<p>{summary}</p>
</header>
<section aria-labelledby=tracking>
<h2 id=tracking>What they track</h2>
{table}{absent}<p class=quiet>A share of 100 % means that the unit’s value gives away all about it. “Chance” is the largest share that any unit
has with a text shifted against it; what is below tells nothing. Press a unit to paint the text by it.</p>
</section>
<section aria-labelledby=unit>
<div id=bar>
<h2 id=unit aria-live=polite>No unit</h2>
<div id=controls>
<button type=button id=previous title="Left arrow">←</button>
<label>Unit <select id=choice></select></label>
<button type=button id=next title="Right arrow">→</button>
<label><input type=checkbox id=guesses checked> Guesses</label>
</div>
<div id=legend><span id=low></span><i></i><span id=high></span></div>
<p id=detail role=status>Point at a symbol, or tap it, to see its value and the guesses for the one that follows.</p>
</div>
<p class=quiet>Below each symbol: the five symbols that the model held likeliest to follow it, the likeliest on top, the
stronger the likelier; underlined is what did follow. · is a blank, ⏎ the end of a line.</p>
<div id=text></div>
<noscript><p>The painted text needs JavaScript; the table above does not.</p></noscript>
</section>
<script type=application/json id=data>{data}</script>
<script nonce="{nonce}">{script}</script>
</body>
</html>
)html";

}  // namespace

std::string unit_name(const Unit& unit) { return fmt::format("layer {}, unit {}", unit.layer, unit.number); }

namespace internal {

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : printable(text, text.size()))
    out += c == '&'    ? "&amp;"
           : c == '<'  ? "&lt;"
           : c == '>'  ? "&gt;"
           : c == '"'  ? "&quot;"
           : c == '\'' ? "&#39;"
                       : std::string(1, c);
  return out;
}

std::string visible(std::string_view symbol) {
  std::string out, plain;
  const auto put_plain = [&] {
    if (!plain.empty()) out += printable(plain, plain.size());
    plain.clear();
  };
  for (const char c : symbol) {
    if (c != ' ' && c != '\n' && c != '\t') {
      plain += c;
      continue;
    }
    put_plain();
    out += c == ' ' ? "·" : c == '\n' ? "⏎" : "⇥";
  }
  put_plain();
  return out;
}

}  // namespace internal

std::string colour_page(const ColouredText& content, std::string_view nonce) {
  using internal::escape_html;
  return fmt::format(
      fmt::runtime(page_frame), fmt::arg("nonce", nonce), fmt::arg("model", escape_html(content.model)),
      fmt::arg("summary", escape_html(content.summary)), fmt::arg("table", trait_table(content)),
      fmt::arg("absent", absent_note(content)), fmt::arg("style", internal::colour_style),
      fmt::arg("script", internal::colour_script), fmt::arg("data", embedded(page_data(content))));
}

}  // namespace unroll::char_lm
