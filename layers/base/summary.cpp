#include "unroll/layers/summary.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace unroll::detail {
namespace {

using Row = std::array<std::string, 5>;

std::string number(index_t n) { return fmt::format("{}", n); }

// Bytes that begin a character: the width of a UTF-8 text in which all are equally wide.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// Two columns of text, then numbers.
std::string layout(const std::vector<Row>& rows) {
  std::array<std::size_t, 5> widths{};
  for (const Row& row : rows) {
    for (std::size_t k = 0; k < row.size(); ++k) widths[k] = std::max(widths[k], width(row[k]));
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t k = 0; k < row.size(); ++k) {
      const std::string space(widths[k] - width(row[k]), ' ');
      line += k < 2 ? row[k] + space : space + row[k];
      line += "  ";
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return text;
}

}  // namespace

template <class T>
std::string summary_of(const Members<T>& members) {
  std::vector<Row> rows{{"name", "shape", "parameters", "multiply-adds", "state"}};
  std::unordered_map<const void*, std::string> seen;
  index_t count = 0, buffered = 0, multiply_adds = 0, state = 0;
  std::size_t known_until = 0;       // members before this one have their multiply-adds from their module
  const char* shown_at_module = "";  // what stands in their column
  for (std::size_t k = 0; k < members.size(); ++k) {
    const Member<T>& member = members[k];
    if (const auto* mark = std::get_if<CostMark>(&member.at)) {
      const bool known = mark->multiply_adds >= 0 && k >= known_until;
      if (known) {
        known_until = k + 1 + mark->members;
        multiply_adds += mark->multiply_adds;
        shown_at_module = mark->multiply_adds == 0 ? "0" : "";
      }
      state += mark->state_size;
      if ((known && mark->multiply_adds > 0) || mark->state_size > 0) {
        rows.push_back({member.name.empty() ? "(all)" : member.name, "", "",
                        known ? number(mark->multiply_adds) : "",
                        mark->state_size > 0 ? number(mark->state_size) : ""});
      }
      continue;
    }
    const Variable<T>* at = array_of(member);
    if (!at) continue;
    const Variable<T>& p = *at;
    if (std::holds_alternative<Buffer<T>>(member.at)) {
      buffered += p.size();
      rows.push_back({member.name + " (buffer)", p.shape().str(), "", "", ""});
      continue;
    }
    const auto [first, is_new] = seen.emplace(p.tensor(), member.name);
    const bool known = k < known_until;
    const index_t products = !known && p.rank() >= 2 ? p.size() : 0;
    count += is_new ? p.size() : 0;
    multiply_adds += products;
    rows.push_back({member.name + (p.requires_grad() ? "" : " (frozen)"), p.shape().str(),
                    is_new ? number(p.size()) : "= " + first->second,
                    known ? shown_at_module : number(products), ""});
  }
  rows.push_back({"total", "", number(count), number(multiply_adds), number(state)});
  if (buffered > 0) rows.push_back({"buffers", "", number(buffered), "", ""});
  return layout(rows);
}

UNROLL_COMPILE_FUNCTIONS(summary_of)

}  // namespace unroll::detail
