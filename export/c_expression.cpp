#include "unroll/detail/export/c_expression.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/export/c_ops.hpp"
#include "unroll/detail/export/c_text.hpp"

namespace unroll::detail {

std::string CWords::operator()(std::string_view text, const std::map<char, std::string>& names) const {
  std::string out;
  for (std::size_t k = 0; k < text.size(); ++k) {
    if (text[k] == '$') {
      out += names.at(text[++k]);
    } else if (text[k] == '@') {
      const std::size_t end = text.find('(', k);
      out += function_(text.substr(k + 1, end - k - 1));
      k = end - 1;
    } else if (text.substr(k, 2) == "_F" && k > 0 && text[k - 1] >= '0' && text[k - 1] <= '9') {
      std::size_t begin = out.size();
      while (begin > 0 && std::string_view("0123456789.e-").find(out[begin - 1]) != std::string_view::npos)
        --begin;
      if (out.find_first_of(".e", begin) == std::string::npos) out += ".0";
      if (single_) out += 'f';
      ++k;
    } else {
      out += text[k];
    }
  }
  return out;
}

namespace {

/// The expression as a graph in which equal parts are one.
template <class T>
class ExpressionGraph {
 public:
  ExpressionGraph(const FusedCode<T>& code, const std::vector<T>& numbers,
                  const std::vector<COperand>& inputs, const CWords& words, bool tangents)
      : words_(words), tangents_(tangents), type_(sizeof(T) == 4 ? "float" : "double") {
    roots_ = fold_steps<int>(code, [&](int at, std::span<const int> arguments) {
      const CodeStep& step = code.steps[at];
      if (step.kind == CodeStep::Kind::input) return leaf(inputs[step.index]);
      if (step.kind == CodeStep::Kind::number) return leaf({bracketed(c_number(numbers[step.index])), {}});
      return op(step.op, {arguments.begin(), arguments.end()});
    });
    for (const int root : roots_) ++nodes_[static_cast<std::size_t>(root)].uses;
  }

  CExpression written() {
    for (const int root : roots_) {
      const std::string value = value_of(root);  // first: it may add lines
      out_.outputs.push_back({value, node(root).tangent});
    }
    return std::move(out_);
  }

 private:
  struct Item {
    bool is_op = false;
    ScalarOp op{};
    std::vector<int> arguments = {};
    std::string value, tangent = {};
    int uses = 0;
    bool done = false;
  };
  Item& node(int k) { return nodes_[static_cast<std::size_t>(k)]; }
  static std::string bracketed(const std::string& text) { return text[0] == '-' ? "(" + text + ")" : text; }

  int known(const std::string& key, Item item) {
    const auto [found, fresh] = by_key_.try_emplace(key, static_cast<int>(nodes_.size()));
    if (fresh) nodes_.push_back(std::move(item));
    return found->second;
  }
  int leaf(const COperand& x) {
    return known(x.value, {.value = x.value, .tangent = x.tangent, .done = true});
  }
  int op(ScalarOp op, std::vector<int> arguments) {
    const int made = known(fmt::format("#{} {}", static_cast<int>(op), fmt::join(arguments, " ")),
                           {.is_op = true, .op = op, .arguments = arguments, .value = {}});
    const COp& c = c_op(op);
    // An argument that stands twice in the text gets a name.
    if (!node(made).uses)
      for (std::size_t k = 0; k < arguments.size(); ++k)
        node(arguments[k]).uses += count(c.value, static_cast<char>('a' + k));
    return made;
  }
  static int count(std::string_view text, char name) {
    int n = 0;
    for (std::size_t k = 0; k + 1 < text.size(); ++k) n += text[k] == '$' && text[k + 1] == name;
    return n;
  }

  std::string value_of(int k) {
    if (node(k).done) return node(k).value;
    const COp& c = c_op(node(k).op);
    std::map<char, std::string> names;
    std::vector<std::string> tangents;
    for (std::size_t a = 0; a < node(k).arguments.size(); ++a) {
      const int argument = node(k).arguments[a];
      names[static_cast<char>('a' + a)] = value_of(argument);
      tangents.push_back(node(argument).tangent);
    }
    std::string text = words_(c.value, names);
    const bool named = tangents_ || node(k).uses > 1;
    if (named) {
      out_.lines.push_back(fmt::format("const {} t{} = {};", type_, k, text));
      text = fmt::format("t{}", k);
    } else if (text.back() != ')' || text.find_first_of(" (") == 0 || text[0] == '-' ||
               text.find(' ') != std::string::npos) {
      text = "(" + text + ")";
    }
    node(k).value = text;
    node(k).done = true;
    if (tangents_) add_tangent(k, c, names, tangents);
    return text;
  }

  void add_tangent(int k, const COp& c, std::map<char, std::string> names,
                   const std::vector<std::string>& tangents) {
    names['y'] = node(k).value;
    std::string sum;
    for (std::size_t a = 0; a < tangents.size(); ++a) {
      const std::string_view slope = c.slopes[a];
      if (tangents[a].empty() || slope.empty()) continue;
      const std::string term = slope == "1"    ? tangents[a]
                               : slope == "-1" ? "-" + tangents[a]
                                               : "(" + words_(slope, names) + ") * " + tangents[a];
      sum += (sum.empty() ? "" : " + ") + (sum.empty() || term[0] != '-' ? term : "(" + term + ")");
    }
    if (sum.empty()) return;
    out_.lines.push_back(fmt::format("const {} dt{} = {};", type_, k, sum));
    node(k).tangent = fmt::format("dt{}", k);
  }

  const CWords& words_;
  bool tangents_;
  const char* type_;
  std::vector<Item> nodes_;
  std::map<std::string, int> by_key_;
  std::vector<int> roots_;
  CExpression out_;
};

}  // namespace

template <class T>
CExpression c_expression(const FusedCode<T>& code, const std::vector<T>& numbers,
                         const std::vector<COperand>& inputs, const CWords& words, bool tangents) {
  return ExpressionGraph<T>(code, numbers, inputs, words, tangents).written();
}
#define UNROLL_COMPILE_EXPRESSION(T)                                            \
  template CExpression c_expression(const FusedCode<T>&, const std::vector<T>&, \
                                    const std::vector<COperand>&, const CWords&, bool);
UNROLL_COMPILE_EXPRESSION(float)
UNROLL_COMPILE_EXPRESSION(double)

}  // namespace unroll::detail
