#include "unroll/autograd/dump.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

namespace unroll {
namespace detail {
namespace {

/// One op, in words.
struct Entry {
  std::string op, results, bytes, from;
  std::size_t memory = 0;
  std::size_t key = 0;  ///< equal for ops that look the same
};

/// Ops first … first + length − 1, and the same again `count` times.
struct Repetition {
  std::size_t first, length, count;
};

template <class T>
std::string describe(const Tensor<T>& t) {
  const bool named = t.extras && !t.extras->name.empty();
  return named ? t.extras->name + " " + t.shape.str() : t.shape.str();
}

// a, a, b as "2 x a, b".
std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (std::size_t k = 0; k < items.size();) {
    std::size_t same = k;
    while (same < items.size() && items[same] == items[k]) ++same;
    text += text.empty() ? "" : ", ";
    text += same - k > 1 ? fmt::format("{} x {}", same - k, items[k]) : items[k];
    k = same;
  }
  return text;
}

template <class T>
Entry entry_of(const Node<T>& node) {
  Entry e;
  e.op = node.name();
  std::vector<std::string> results, from;
  bool views = false;
  for (std::size_t k = 0; k < node.output_count(); ++k) {
    const Tensor<T>* out = node.output(k);
    if (!out) continue;
    results.push_back(describe(*out));
    views = views || out->is_view();
    if (!out->is_view() && !out->shares_grad())
      e.memory += static_cast<std::size_t>(out->shape.size()) * sizeof(T);
  }
  for (std::size_t k = 0; k < node.input_count() && !node.released(); ++k)
    from.push_back(describe(node.input(k)));
  e.results = joined(results);
  e.bytes = views ? "view" : fmt::format("{} B", e.memory);
  e.from = node.released() ? "released" : "from " + joined(from);
  return e;
}

template <class T>
std::vector<Entry> entries_of(const std::vector<Node<T>*>& nodes) {
  std::vector<Entry> entries;
  std::map<std::string, std::size_t> keys;
  for (const Node<T>* node : nodes) {
    entries.push_back(entry_of(*node));
    Entry& e = entries.back();
    e.key = keys.emplace(e.op + "\n" + e.results + "\n" + e.bytes + "\n" + e.from, keys.size()).first->second;
  }
  return entries;
}

// The repetition that begins at `first` and covers most; count 1 where there is none.
Repetition longest_repetition(const std::vector<Entry>& entries, std::size_t first) {
  constexpr std::size_t longest_period = 512;
  Repetition best{first, 1, 1};
  for (std::size_t period = 1; period <= longest_period && first + 2 * period <= entries.size(); ++period) {
    std::size_t same = 0;
    while (first + same + period < entries.size() &&
           entries[first + same].key == entries[first + same + period].key)
      ++same;
    const std::size_t count = 1 + same / period;
    if (count > 1 && count * period > best.count * best.length) best = {first, period, count};
  }
  return best;
}

std::vector<Repetition> blocks_of(const std::vector<Entry>& entries, bool roll) {
  std::vector<Repetition> blocks;
  for (std::size_t i = 0; i < entries.size();) {
    blocks.push_back(roll ? longest_repetition(entries, i) : Repetition{i, 1, 1});
    i += blocks.back().length * blocks.back().count;
  }
  return blocks;
}

std::string quoted(const std::string& text) {
  std::string q = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') q += '\\';
    q += c;
  }
  return q + "\"";
}

/// Writes the graph: shown nodes are those of each block's first repetition.
template <class T>
class DotWriter {
 public:
  DotWriter(std::vector<Node<T>*> nodes, bool roll)
      : nodes_(std::move(nodes)), entries_(entries_of(nodes_)), blocks_(blocks_of(entries_, roll)) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) number_[nodes_[i]] = i;
  }

  std::string write() {
    text_ = "digraph tape {\n  node [shape=box];\n";
    for (const Repetition& b : blocks_) write_block(b);
    for (const Repetition& b : blocks_) {
      // The second repetition shows what is handed on from one to the next.
      for (std::size_t i = b.first; i < b.first + b.length * std::min<std::size_t>(b.count, 2); ++i)
        write_edges(i, b);
    }
    return text_ + "}\n";
  }

 private:
  void write_block(const Repetition& b) {
    const bool rolled = b.count > 1;
    if (rolled) text_ += fmt::format("  subgraph cluster_{} {{\n    label=\"{} times\";\n", b.first, b.count);
    for (std::size_t i = b.first; i < b.first + b.length; ++i) {
      const Entry& e = entries_[i];
      text_ += fmt::format("{}  n{} [label={}];\n", rolled ? "  " : "", i,
                           quoted(e.op + "\n" + e.results + "\n" + e.bytes));
    }
    if (rolled) text_ += "  }\n";
  }

  // The node that stands for node i, and the repetition of its block that i is in.
  std::pair<std::size_t, std::size_t> shown(std::size_t i) const {
    const auto after = std::upper_bound(blocks_.begin(), blocks_.end(), i,
                                        [](std::size_t n, const Repetition& b) { return n < b.first; });
    const Repetition& b = *std::prev(after);
    return {b.first + (i - b.first) % b.length, (i - b.first) / b.length};
  }

  void write_edges(std::size_t i, const Repetition& block) {
    const Node<T>& node = *nodes_[i];
    const auto [to, repetition] = shown(i);
    for (std::size_t k = 0; k < node.input_count() && !node.released(); ++k) {
      const Tensor<T>& in = node.input(k);
      if (!in.creator) {
        if (in.requires_grad) leaf_edge(in, to);
        continue;
      }
      const auto found = number_.find(in.creator.get());
      if (found == number_.end()) continue;
      const auto [from, before] = shown(found->second);
      const bool handed_on = found->second >= block.first && before < repetition;
      add_line(fmt::format("  n{} -> n{}{};\n", from, to, handed_on ? " [style=dashed]" : ""));
    }
  }

  void leaf_edge(const Tensor<T>& leaf, std::size_t to) {
    const std::size_t number = leaves_.emplace(&leaf, leaves_.size()).first->second;
    add_line(fmt::format("  p{} [shape=ellipse, label={}];\n", number, quoted(describe(leaf))));
    add_line(fmt::format("  p{} -> n{};\n", number, to));
  }

  void add_line(const std::string& line) {
    if (lines_.insert(line).second) text_ += line;
  }

  std::vector<Node<T>*> nodes_;
  std::vector<Entry> entries_;
  std::vector<Repetition> blocks_;
  std::unordered_map<const Node<T>*, std::size_t> number_;
  std::unordered_map<const Tensor<T>*, std::size_t> leaves_;
  std::set<std::string> lines_;
  std::string text_;
};

}  // namespace
}  // namespace detail

template <class T>
std::string dump_tape(const DumpOptions& options) {
  const std::vector<detail::Entry> entries = detail::entries_of(detail::Tape<T>::local().live_nodes());
  std::size_t widest_op = 0, widest_result = 0, memory = 0;
  for (const detail::Entry& e : entries) {
    widest_op = std::max(widest_op, e.op.size() + 2);
    widest_result = std::max(widest_result, e.results.size());
    memory += e.memory;
  }
  std::string text;
  for (const detail::Repetition& b : detail::blocks_of(entries, options.roll)) {
    const std::string indent = b.count > 1 ? "  " : "";
    if (b.count > 1) text += fmt::format("{} times:\n", b.count);
    for (std::size_t i = b.first; i < b.first + b.length; ++i) {
      const detail::Entry& e = entries[i];
      text += fmt::format("{}{:<{}}  {:<{}}  {:>12}  {}\n", indent, e.op, widest_op - indent.size(),
                          e.results, widest_result, e.bytes, e.from);
    }
  }
  return text + fmt::format("{} ops, {} B\n", entries.size(), memory);
}

template <class T>
std::string dump_tape_dot(const DumpOptions& options) {
  return detail::DotWriter<T>(detail::Tape<T>::local().live_nodes(), options.roll).write();
}

UNROLL_COMPILE_FUNCTIONS(dump_tape, dump_tape_dot)

}  // namespace unroll
