#include "unroll/layers/weight_drop.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_map>

#include "unroll/autograd/dropout.hpp"

namespace unroll::detail {
namespace {

/// Whether a parameter's full name is `name`, that of a part, or that of a layer of a stack: weight_hh_l0_reverse.
bool is_called(std::string_view full, std::string_view name) {
  full.remove_prefix(full.rfind('.') + 1);  // npos + 1 is 0
  if (!full.starts_with(name)) return false;
  full.remove_prefix(name.size());
  if (full.empty()) return true;
  if (full.ends_with("_reverse")) full.remove_suffix(8);
  return full.size() > 2 && full.starts_with("_l") &&
         std::all_of(full.begin() + 2, full.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_called(const std::string& full, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [&](const auto& name) { return is_called(full, name); });
}

}  // namespace

template <class T>
void check_weight_drop(const Members<T>& members, const WeightDropOptions& options) {
  if (!(options.p >= 0 && options.p <= 1))
    raise<UsageError>("weight_drop: p must be in [0, 1]; got {}", options.p);
  if (options.p == 0) return;  // around any layer: nothing is looked for
  if (options.names.empty()) raise<UsageError>("weight_drop: the list of names is empty");
  std::vector<std::string> all;
  for (const NamedParameter<T>& p : parameters_of(members)) all.push_back(p.name);
  for (const std::string& name : options.names)
    if (std::none_of(all.begin(), all.end(), [&](const auto& full) { return is_called(full, name); }))
      raise<UsageError>("weight_drop: no parameter is called {}; there are {}", name, fmt::join(all, ", "));
}

template <class T>
void drop_weights(const Members<T>& members, const WeightDropOptions& options, const RandomKey& key) {
  check_weight_drop(members, options);
  std::unordered_map<const void*, Variable<T>> dropped;  // tied ones have one mask
  std::vector<Variable<T>> kept;                         // so that no address is used again
  RandomKey next = key;
  for (const Member<T>& member : members) {
    auto* const* p = std::get_if<Variable<T>*>(&member.at);
    if (!p || !**p || !is_called(member.name, options.names)) continue;
    const auto [at, is_new] = dropped.emplace((**p).tensor(), Variable<T>());
    if (is_new) {
      kept.push_back(**p);
      at->second = dropout(**p, options.p, next);
      ++next.layer;
    }
    **p = at->second;
  }
}

template <class T>
void take_counts(const Members<T>& from, const Members<T>& to) {
  for (std::size_t k = 0; k < from.size(); ++k) {
    if (auto* const* key = std::get_if<RandomKey*>(&from[k].at)) {
      RandomKey& own = *std::get<RandomKey*>(to[k].at);
      if (own.step != (*key)->step) own = **key;
    } else if (auto* const* count = std::get_if<std::uint64_t*>(&from[k].at)) {
      std::uint64_t& own = *std::get<std::uint64_t*>(to[k].at);
      if (own != **count) own = **count;
    }
  }
}

UNROLL_COMPILE_FUNCTIONS(check_weight_drop, drop_weights, take_counts)

}  // namespace unroll::detail
