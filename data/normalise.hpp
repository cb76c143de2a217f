#pragma once
/// \file One spelling for texts that look the same: Unicode's normal form C.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <string>
#include <string_view>

namespace unroll {

/// What is done to a text before it is read: nothing, or its normal form C, in which a letter and its marks are one
/// character where there is one (é, not e and an accent).
enum class Normalisation { none, nfc };

/// `none` or `nfc`, as options and files call them.
std::string_view name_of(Normalisation form);
/// Errors: DataError for any other name.
Normalisation normalisation_named(std::string_view name);

/// Normalises a text that comes in pieces.
/// A run of more than 128 marks, which no language has, is normalised in parts: so no text takes long.
/// Source: Unicode's annex 15, by utf8proc.
class Normaliser {
 public:
  /// Errors: UsageError for nfc in a build without utf8proc.
  explicit Normaliser(Normalisation form);
  /// The normal form of what was held back and `piece`, sound UTF-8; without the end that what follows might change,
  /// which is held back, unless this is the last piece.
  std::string add(std::string piece, bool last);

 private:
  Normalisation form_;
  std::string held_;
};

/// The normal form of a text that is UTF-8.
/// Errors: UsageError for nfc in a build without utf8proc.
std::string normalise(std::string text, Normalisation form);

}  // namespace unroll
