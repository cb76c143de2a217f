#include "unroll/detail/train/axis_pattern.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace unroll::detail {
namespace {

constexpr std::int64_t unknown_size = -1, too_large = std::int64_t{1} << 50;

/// a b, but no more than too_large.
std::int64_t bounded_product(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) || product > too_large ? too_large : product;
}

}  // namespace

AxisPattern::AxisPattern(std::string_view text) {
  const std::size_t arrow = text.find("->");
  from_ = parsed(text.substr(0, arrow));
  to_ = arrow == std::string_view::npos ? from_ : parsed(text.substr(arrow + 2));
}

std::vector<AxisPattern::Axis> AxisPattern::parsed(std::string_view text) {
  std::vector<Axis> axes;
  bool inside = false;
  for (std::size_t k = 0; k < text.size(); ++k) {
    const char c = text[k];
    if (c == '(') axes.emplace_back();
    if (c == '(' || c == ')') inside = c == '(';
    if (c == ':') axes.back().apart = true;
    const bool digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
    if (!digit && std::isalpha(static_cast<unsigned char>(c)) == 0) continue;
    if (!inside) axes.emplace_back();
    axes.back().items.push_back(digit ? Item{0, c - '0'} : Item{c, 0});
  }
  return axes;
}

std::int64_t AxisPattern::size_of(const Item& item, const AxisSizes& sizes) {
  if (item.letter == 0) return item.number;
  const auto at = sizes.find(item.letter);
  return at == sizes.end() ? unknown_size : at->second;
}

bool AxisPattern::matches(const std::vector<std::int64_t>& shape, AxisSizes& sizes) const {
  if (shape.size() != from_.size()) return false;
  AxisSizes found = sizes;
  for (int round = 0; round < 2; ++round) {  // an axis may tell a size that one before it needs
    for (std::size_t k = 0; k < from_.size(); ++k) {
      std::int64_t known = from_[k].apart ? 0 : 1, unknown = 0;
      char letter = 0;
      for (const Item& item : from_[k].items) {
        const std::int64_t size = size_of(item, found);
        if (size == unknown_size) {
          ++unknown;
          letter = item.letter;
        } else {
          known = from_[k].apart ? std::min(known + size, too_large) : bounded_product(known, size);
        }
      }
      if (unknown > 1) continue;
      const std::int64_t rest = from_[k].apart ? shape[k] - known : known > 0 ? shape[k] / known : 0;
      if (unknown == 1) found[letter] = rest;
      const std::int64_t whole = unknown == 0     ? known
                                 : from_[k].apart ? known + rest
                                                  : bounded_product(known, rest);
      if (whole != shape[k] || (unknown == 1 && rest < 1)) return false;
    }
  }
  sizes = std::move(found);
  return true;
}

std::string AxisPattern::text(const AxisSizes& sizes) const {
  std::string text;
  for (const Axis& axis : from_) {
    std::string part;
    std::int64_t known = axis.apart ? 0 : 1;
    for (const Item& item : axis.items) {
      const std::int64_t size = size_of(item, sizes);
      if (known != unknown_size)
        known = size == unknown_size ? size : axis.apart ? known + size : bounded_product(known, size);
      part += fmt::format("{}{}",
                          part.empty() ? ""
                          : axis.apart ? " + "
                                       : " * ",
                          size == unknown_size ? std::string(1, item.letter) : std::to_string(size));
    }
    if (known != unknown_size) part = std::to_string(known);
    text += (text.empty() ? "" : ", ") + part;
  }
  return fmt::format("({}{})", text, from_.size() == 1 ? "," : "");
}

std::optional<std::vector<std::int64_t>> AxisPattern::result(const AxisSizes& sizes) const {
  std::vector<std::int64_t> shape;
  for (const Axis& axis : to_) {
    std::int64_t product = 1;
    for (const Item& item : axis.items) {
      const std::int64_t size = size_of(item, sizes);
      if (size == unknown_size) return std::nullopt;
      product = bounded_product(product, size);
    }
    if (product == too_large) return std::nullopt;
    shape.push_back(product);
  }
  return shape;
}

// The axes of the array one by one, from the last, and where what is taken of it begins.
std::vector<std::pair<AxisPattern::Item, AxisPattern::Stride>> AxisPattern::strides(
    const AxisSizes& sizes, std::size_t part, std::int64_t& offset) const {
  std::vector<std::pair<Item, Stride>> all;
  std::int64_t step = 1;
  for (auto axis = from_.rbegin(); axis != from_.rend(); ++axis) {
    std::int64_t before = 0, whole = axis->apart ? 0 : 1;
    if (axis->apart) {
      for (std::size_t k = 0; k < axis->items.size(); ++k) {
        const std::int64_t size = size_of(axis->items[k], sizes);
        if (k < part) before += size;
        whole += size;
      }
      all.push_back({axis->items[part], {size_of(axis->items[part], sizes), step}});
      offset += before * step;
      step *= whole;
      continue;
    }
    for (auto item = axis->items.rbegin(); item != axis->items.rend(); ++item) {
      all.push_back({*item, {size_of(*item, sizes), step}});
      step *= all.back().second.size;
    }
  }
  return all;
}

// What is gone through for the result, from its first axis to its last.
std::vector<AxisPattern::Stride> AxisPattern::loops(const AxisSizes& sizes, std::size_t part,
                                                    std::int64_t& offset) const {
  auto left = strides(sizes, part, offset);
  std::vector<Stride> loops;
  for (const Axis& axis : to_) {
    for (const Item& item : axis.items) {
      const auto at = std::find_if(left.begin(), left.end(), [&](const auto& candidate) {
        return candidate.first.letter == item.letter && candidate.first.number == item.number;
      });
      loops.push_back(at != left.end() ? at->second : Stride{size_of(item, sizes), 0});
      if (at != left.end()) left.erase(at);
    }
  }
  for (const auto& [item, stride] : left)
    if (stride.size > 1) offset += static_cast<std::int64_t>(part) * stride.step;
  return loops;
}

std::vector<double> AxisPattern::rearranged(const std::vector<double>& values, const AxisSizes& sizes,
                                            std::size_t part) const {
  std::int64_t offset = 0, count = 1;
  const std::vector<Stride> all = loops(sizes, part, offset);
  for (const Stride& loop : all) count *= loop.size;
  std::vector<double> result(static_cast<std::size_t>(count));
  std::vector<std::int64_t> index(all.size(), 0);
  for (double& y : result) {
    y = values[static_cast<std::size_t>(offset)];
    for (std::size_t k = all.size(); k-- > 0;) {
      offset += all[k].step;
      if (++index[k] < all[k].size) break;
      offset -= all[k].step * all[k].size;
      index[k] = 0;
    }
  }
  return result;
}

}  // namespace unroll::detail
