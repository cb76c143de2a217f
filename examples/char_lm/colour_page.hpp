#pragma once
/// \file The page that shows what hidden units do over a text.

#include <string>
#include <string_view>
#include <vector>

#include "char_lm/activity.hpp"
#include "char_lm/text_traits.hpp"

namespace unroll::char_lm {

/// What the page shows.
struct ColouredText {
  std::string model, text;           ///< their names, as the heading has them
  std::string summary;               ///< a line about model and text
  std::vector<std::string> symbols;  ///< of the whole text
  std::vector<std::string> names;    ///< of all symbols, for the guesses
  Activity activity;
  std::vector<Trait> traits;        ///< those that occur
  std::vector<Tracking> tracking;   ///< of each trait
  std::vector<std::string> absent;  ///< traits that are the same in all of the text
  std::int64_t painted = 0;         ///< symbols to paint, from the beginning
};

/// One HTML file that needs no other. All text in it is escaped, and it runs no script but its own, which `nonce` marks:
/// letters and digits that nobody can guess.
std::string colour_page(const ColouredText& content, std::string_view nonce);

/// A unit's name: `layer 2, unit 17`.
std::string unit_name(const Unit& unit);

namespace internal {
extern const std::string_view colour_style, colour_script;
/// What of HTML has a meaning is escaped; what cannot be seen and what turns the direction of writing, too.
std::string escape_html(std::string_view text);
/// A symbol as the page shows it: blanks, ends of lines and what cannot be seen have a sign.
std::string visible(std::string_view symbol);
}  // namespace internal

}  // namespace unroll::char_lm
