#pragma once
/// \file The exceptions of the library. Every check throws one of these, before anything is changed.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace unroll {

/// Base of everything that the library throws on purpose.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Shapes that do not fit: the message names the op, the argument and the shapes.
struct ShapeError : Error {
  using Error::Error;
};

/// An index, axis or range outside its bounds.
struct IndexError : Error {
  using Error::Error;
};

/// A call that is wrong whatever the shapes; the message ends with the remedy.
struct UsageError : Error {
  using Error::Error;
};

/// A file or text that cannot be used: the message begins with `file:` or `file:line:`.
struct DataError : Error {
  using Error::Error;
};

/// Throws E with a formatted message.
template <class E, class... Args>
[[noreturn]] void raise(fmt::format_string<Args...> format, Args&&... args) {
  throw E(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace unroll
