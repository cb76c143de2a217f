#pragma once
/// \file One option of a program: where its value is, and what it may be.

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace unroll::program {

/// The names of the options that stood on a command line.
using Given = std::set<std::string>;

/// The values an option may have: [low, high], one of a few words, or no empty text; whether it must be
/// given, and which other must not be beside it. `known` tells whether there is something of that name; the command
/// line leaves that to the program, which names what there is, and of a saved run it is asked at once.
struct Allowed {
  double low = std::numeric_limits<double>::lowest(), high = std::numeric_limits<double>::max();
  std::vector<std::string> words = {};
  bool named = false, required = false;
  bool later = false;  ///< runs that were saved before there was this option have its default
  bool shape = false;  ///< decides what the model is: one that is trained already has a value that stays
  bool path = false;   ///< of a file that a run reads: saved so that the run finds it from any folder
  const char* excludes = nullptr;
  bool (*known)(const std::string&) = nullptr;
};
inline Allowed at_least(double low) { return {.low = low}; }
/// For sizes: all of them together stay far from the largest 64-bit number.
inline Allowed size_from(double low) { return {.low = low, .high = 1e9}; }
/// For numbers that only set a limit.
inline Allowed count_from(double low) { return {.low = low, .high = 1e15}; }
/// For an option that saved runs may not have.
inline Allowed later(Allowed allowed) {
  allowed.later = true;
  return allowed;
}
/// For an option that decides what the model is.
inline Allowed shaping(Allowed allowed = {}) {
  allowed.shape = true;
  return allowed;
}
/// For shares such as that of dropout.
inline Allowed share() { return {.low = 0, .high = 0.99}; }

/// Where an option's value is; made from the variable itself, which outlives it.
class Place {
 public:
  template <class Value>
  requires(!std::same_as<Value, Place>) Place(Value& value) : value_(&value) {}
  template <class Visit>
  auto visit(Visit&& visit) const {
    return std::visit([&](auto* value) { return visit(*value); }, value_);
  }

 private:
  std::variant<bool*, int*, std::int64_t*, std::uint64_t*, double*, std::string*,
               std::optional<std::uint64_t>*, std::vector<std::int64_t>*, std::vector<double>*>
      value_;
};

/// An option in a list of them; `fixed`: a continued run may not change it.
struct Option {
  std::string name;
  Place value;
  Allowed allowed = {};
  bool fixed = false;
};
using OptionList = std::vector<Option>;

/// All that `options` show, see options.hpp: those that a continued run may change, and then the others.
/// Lifetime: `options` outlive the list.
template <class Options>
OptionList list_of(Options& options) {
  OptionList list;
  const auto add = [&](bool fixed) {
    return [&list, fixed](const char* name, Place value, const char*, const Allowed& allowed) {
      list.push_back({name, value, allowed, fixed});
    };
  };
  options.visit_changeable(options, add(false));
  options.visit_fixed(options, add(true));
  return list;
}

}  // namespace unroll::program
