#include "unroll/data/normalise.hpp"

#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"
#ifndef UNROLL_NO_UTF8PROC
#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#endif

namespace unroll {

std::string_view name_of(Normalisation form) { return form == Normalisation::nfc ? "nfc" : "none"; }

Normalisation normalisation_named(std::string_view name) {
  if (name == "none") return Normalisation::none;
  if (name == "nfc") return Normalisation::nfc;
  raise<DataError>("normalisation: need 'none' or 'nfc'; got '{}'", printable(name));
}

#ifdef UNROLL_NO_UTF8PROC
Normaliser::Normaliser(Normalisation form) : form_(form) {
  if (form == Normalisation::nfc)
    raise<UsageError>("normalisation: this library was built without utf8proc (UNROLL_UTF8PROC=OFF)");
}

std::string Normaliser::add(std::string piece, bool) { return piece; }
#else
namespace {

constexpr char32_t first_mark = 0x300;  // what stands below never changes and joins nothing before it

/// Whether nothing before a character can join it.
bool begins_anew(char32_t c) {
  if (c < first_mark) return true;
  if (c >= 0x1100 && c <= 0x11FF) return c < 0x1160;  // Hangul: vowels and finals join
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return false;
    default:
      return true;
  }
}

void append_nfc(std::string& out, std::string_view text) {
  constexpr auto lead_of_first_mark = static_cast<unsigned char>(0xCC);
  const bool plain = std::none_of(text.begin(), text.end(),
                                  [](char c) { return static_cast<unsigned char>(c) >= lead_of_first_mark; });
  if (plain) {
    out += text;
    return;
  }
  utf8proc_uint8_t* made = nullptr;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  const auto length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                   static_cast<utf8proc_ssize_t>(text.size()), &made, options);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(made, &std::free);
  if (length == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
  if (length < 0) raise<DataError>("normalisation: {}", utf8proc_errmsg(length));
  out.append(reinterpret_cast<const char*>(made), static_cast<std::size_t>(length));
}

}  // namespace

Normaliser::Normaliser(Normalisation form) : form_(form) {}

std::string Normaliser::add(std::string piece, bool last) {
  if (form_ == Normalisation::none) return piece;
  constexpr int longest_run = 128;
  std::string text = std::move(held_);
  text += piece;
  std::string result;
  std::size_t done = 0, boundary = 0;
  int run = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const CodePoint point = byte < 0x80 ? CodePoint{byte, 1, {}} : code_point_at(text, at);
    const bool too_long = ++run > longest_run;
    if (too_long || begins_anew(point.value)) boundary = at, run = 1;
    if (too_long) append_nfc(result, std::string_view(text).substr(done, at - done)), done = at;
    at += point.length;
  }
  if (last) boundary = text.size();
  append_nfc(result, std::string_view(text).substr(done, boundary - done));
  held_ = text.substr(boundary);
  return result;
}
#endif

std::string normalise(std::string text, Normalisation form) {
  return form == Normalisation::none ? text : Normaliser(form).add(std::move(text), true);
}

}  // namespace unroll
