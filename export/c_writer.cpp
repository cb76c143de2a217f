#include "unroll/detail/export/c_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <climits>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/export/c_expression.hpp"
#include "unroll/detail/export/c_loops.hpp"
#include "unroll/detail/export/c_ops.hpp"
#include "unroll/detail/export/c_text.hpp"

namespace unroll::detail {
namespace {

/// So many columns of a weight are multiplied at a time.
constexpr index_t c_inputs_together = 8;

template <class T>
class CWriter {
  using Value = ScriptValue<T>;
  using Statement = ScriptStatement<T>;
  using Kind = typename Value::Kind;

 public:
  CWriter(const Script<T>& script, const CTable<T>& table, const CWriterOptions& options)
      : script_(script),
        table_(table),
        options_(options),
        p_(options.name),
        words_(sizeof(T) == 4, [this](std::string_view name) { return function(name); }) {
    find_homes();
    name_constants();
  }

  CFiles files() {
    std::string body;  // first: it finds out what is needed
    for (std::size_t g = 0; g < script_.groups.size(); ++g) body += group_function(g, false);
    body += reset_function() + step_function();
    if (options_.jacobian) {
      for (std::size_t g = 0; g < script_.groups.size(); ++g) body += group_function(g, true);
      body += jacobian_function();
    }
    std::string source = head(true);
    source += fmt::format("#include \"{}.h\"\n\n#include <math.h>\n#include <stdint.h>\n\n", p_);
    if (wide_)  // gcc's choice is 256 bits, half of what the loops are made for
      source +=
          "#if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__)\n"
          "#pragma GCC target(\"prefer-vector-width=512\")\n#endif\n";
    source += "#ifdef __cplusplus\n#define RESTRICT __restrict\n#else\n#define RESTRICT restrict\n#endif\n\n";
    source += constants_ + functions_ + body;
    return {source, header()};
  }

 private:
  // --- values ---

  const Value& value(int v) const { return script_.values[static_cast<std::size_t>(v)]; }
  int root(int v) const { return value(v).whole >= 0 ? value(v).whole : v; }
  index_t size(int v) const { return value(v).shape.size(); }
  bool constant(int v) const { return value(root(v)).kind == Kind::constant; }

  /// The C name of the array that v lies in.
  std::string array(int v, bool tangent = false) const {
    const int r = root(v);
    switch (value(r).kind) {
      case Kind::constant:
        return constant_names_.at(r);
      case Kind::input:
        return tangent ? "dx" : "x";
      case Kind::state:
        return fmt::format("{}->{}", tangent ? "ds" : "s", member_names_.at(r));
      case Kind::made:
        break;
    }
    return fmt::format("{}{}", tangent ? "d" : "v", r);
  }
  std::string element(int v, std::span<const CAxis> axes, std::size_t k, index_t more = 0,
                      bool tangent = false) const {
    return fmt::format("{}[{}]", array(v, tangent), c_index(axes, k, value(v).first + more));
  }

  // Which group makes a value, and whether others read it.
  void find_homes() {
    for (std::size_t v = 0; v < script_.values.size(); ++v)
      if (script_.values[v].shape.size() > INT_MAX / 4)
        raise<UsageError>("export_c: an array of {} numbers is too large", script_.values[v].shape.size());
    for (const Statement& s : script_.statements)
      for (const int v : s.out)
        if (v >= 0) home_[v] = s.group;
    for (const Statement& s : script_.statements)
      for (const int v : reads(s)) read_in(root(v), s.group);
    const std::size_t after_all = script_.groups.size();
    read_in(root(script_.output), after_all);
    for (const auto& c : script_.carried) read_in(root(c.after), after_all);
    std::set<std::string> used;
    for (const auto& c : script_.carried)
      member_names_[c.before] = fresh(c_identifier(c.name, "state"), used);
  }
  std::vector<int> reads(const Statement& s) const {
    if (s.kind != Statement::Kind::affine) return s.in;
    std::vector<int> all;
    if (s.addend >= 0) all.push_back(s.addend);
    for (const auto& t : s.terms) {
      all.push_back(t.x), all.push_back(t.w);
      if (t.b >= 0) all.push_back(t.b);
    }
    return all;
  }
  void read_in(int r, std::size_t group) {
    readers_[r].insert(group);
    if (value(r).kind == Kind::made && home_.at(r) != group) crossing_.insert(r);
  }
  static std::string fresh(std::string name, std::set<std::string>& used) {
    std::string text = name;
    for (int k = 2; !used.insert(text).second; ++k) text = fmt::format("{}_{}", name, k);
    return text;
  }

  // --- constants ---

  void name_constants() {
    std::set<std::string> used;
    for (std::size_t v = 0; v < script_.values.size(); ++v) {
      const Value& c = script_.values[v];
      if (c.kind != Kind::constant || c.whole >= 0) continue;
      constant_names_[static_cast<int>(v)] =
          p_ + "_" + fresh(c_identifier(c.name, fmt::format("c{}", v)), used);
    }
    if (table_.rows > 0) table_name_ = p_ + "_" + fresh(c_identifier(table_.name, "embedding"), used);
  }
  void define(const std::string& name, const std::vector<T>& numbers, const std::string& comment) {
    if (!defined_.insert(name).second) return;
    if (!comment.empty()) constants_ += fmt::format("/* {} */\n", c_comment(comment));
    constants_ +=
        fmt::format("static const {} {}[{}] = {{", type(), name, std::max<std::size_t>(numbers.size(), 1));
    if (numbers.empty()) constants_ += "0";
    std::string line;
    for (const T x : numbers) {
      const std::string text = c_number(x) + ",";
      if (line.empty() || line.size() + text.size() > 110) constants_ += line + "\n", line = " ";
      line += " " + text;
    }
    constants_ += line + "\n};\n\n";
  }
  /// Defines a constant as it is, where it is read.
  void need(int v) {
    if (!constant(v)) return;
    const int r = root(v);
    const Value& c = value(r);
    define(constant_names_.at(r), c.numbers,
           c.name.empty() ? fmt::format("computed from the weights, {}", c.shape.str())
                          : fmt::format("{} {}", c.name, c.shape.str()));
  }
  /// A weight in the order in which term() reads it: some inputs at a time, of each block of outputs.
  std::string in_blocks(int w, index_t block) {
    const int r = root(w);
    const std::string name = constant_names_.at(r) + "_blocks";
    const Value& c = value(w);
    const index_t rows = c.shape.product(0, c.shape.rank() - 1), cols = c.shape.back(0);
    std::vector<T> numbers;
    for (index_t k = 0; k < cols;) {
      const index_t step = k + c_inputs_together <= cols ? c_inputs_together : 1;
      for (index_t b = 0; b < rows; b += block)
        for (index_t j = 0; j < step; ++j)
          for (index_t i = 0; i < block; ++i)
            numbers.push_back(value(r).numbers[static_cast<std::size_t>(c.first + (b + i) * cols + k + j)]);
      k += step;
    }
    define(name, numbers,
           fmt::format("{} {}, in blocks of {} rows and {} columns, column by column",
                       value(r).name.empty() ? "a weight" : value(r).name, c.shape.str(), block,
                       c_inputs_together));
    return name;
  }

  // --- functions ---

  const char* type() const { return sizeof(T) == 4 ? "float" : "double"; }

  std::string function(std::string_view name) {
    const CFunction* f = c_function(name, options_.fast);
    if (!f) {
      if (options_.fast)
        raise<UsageError>("export_c: {} needs the C library's mathematics; take .math = CMath::exact", name);
      return std::string(name) + (sizeof(T) == 4 ? "f" : "");
    }
    const std::string own = fmt::format("{}_{}", p_, name);
    if (functions_made_.insert(own).second) {
      std::string text = words_(f->text, {});  // what it calls is defined first
      if (text[0] != '{') text = "{\n  return " + text + ";\n}";
      for (const auto& [word, meaning] :
           std::map<std::string, std::string>{{"REAL", type()},
                                              {"INT", sizeof(T) == 4 ? "int32_t" : "int64_t"},
                                              {"BIAS", sizeof(T) == 4 ? "127" : "1023"},
                                              {"ONE", sizeof(T) == 4 ? "8388608" : "4503599627370496"}})
        for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += meaning.size())
          text.replace(at, word.size(), meaning);
      functions_ += fmt::format("static inline {0} {1}({0} a) {2}\n\n", type(), own, text);
    }
    return own;
  }

  // --- statements ---

  struct Lines {
    std::string text;
    void add(const std::string& more) { text += more; }
  };

  /// Where an input broadcasts to `shape`: its stride along each axis.
  static std::vector<index_t> strides(const Shape& from, const Shape& to) {
    std::vector<index_t> s;
    for (const auto& axis : broadcast_move(0, from, to).axes) s.push_back(axis.from);
    return s;
  }

  std::string fused(const Statement& s, bool tangent) {
    Shape shape;
    for (const int v : s.out)
      if (v >= 0) shape = value(v).shape;
    std::vector<std::vector<index_t>> all{strides(shape, shape)};
    for (const int v : s.in) all.push_back(strides(value(v).shape, shape));
    std::vector<CAxis> axes;
    for (int a = 0; a < shape.rank(); ++a) {
      CAxis axis{shape[a], {}};
      for (const auto& one : all) axis.strides.push_back(one[static_cast<std::size_t>(a)]);
      axes.push_back(std::move(axis));
    }
    axes = joined_axes(std::move(axes));
    std::vector<COperand> operands;
    for (std::size_t k = 0; k < s.in.size(); ++k) {
      const int v = s.in[k];
      if (constant(v) && size(v) == 1) {
        const auto at = static_cast<std::size_t>(value(v).first);
        std::string number = c_number(value(root(v)).numbers[at]);
        operands.push_back({number[0] == '-' ? "(" + number + ")" : number, {}});
        continue;
      }
      need(v);
      operands.push_back({element(v, axes, k + 1),
                          tangent && !constant(v) ? element(v, axes, k + 1, 0, true) : std::string()});
    }
    CExpression e = c_expression(*s.code, s.numbers, operands, words_, tangent);
    for (std::size_t m = 0; m < s.out.size(); ++m) {
      if (s.out[m] < 0) continue;
      std::string text = e.outputs[m].value;
      if (text[0] == '(' && text.back() == ')' && closes_at_end(text)) text = text.substr(1, text.size() - 2);
      e.lines.push_back(fmt::format("{} = {};", element(s.out[m], axes, 0), text));
      if (!tangent) continue;
      e.lines.push_back(fmt::format("{} = {};", element(s.out[m], axes, 0, 0, true),
                                    e.outputs[m].tangent.empty() ? c_number(T{0}) : e.outputs[m].tangent));
    }
    return c_loops(axes, e.lines, 1);
  }
  static bool closes_at_end(const std::string& text) {
    int depth = 0;
    for (std::size_t k = 0; k < text.size(); ++k) {
      depth += text[k] == '(' ? 1 : text[k] == ')' ? -1 : 0;
      if (depth == 0) return k + 1 == text.size();
    }
    return false;
  }

  std::string moves(const Statement& s, bool tangent) {
    std::string text;
    for (const StepMove& m : s.move) {
      std::vector<CAxis> axes;
      for (const auto& a : m.axes) axes.push_back({a.extent, {a.to, a.from}});
      axes = joined_axes(std::move(axes));
      const int from = s.in[m.input], to = s.out[0];
      need(from);
      std::vector<std::string> lines{
          fmt::format("{} = {};", element(to, axes, 0, m.to), element(from, axes, 1, m.from))};
      if (tangent)
        lines.push_back(fmt::format("{} = {};", element(to, axes, 0, m.to, true),
                                    constant(from) ? c_number(T{0}) : element(from, axes, 1, m.from, true)));
      text += c_loops(axes, lines, 1);
    }
    return text;
  }

  std::string zeros(int v, bool tangent) const {
    return fmt::format("  for (int i = 0; i < {}; ++i) {}[{}i] = {};\n", size(v), array(v, tangent),
                       value(v).first > 0 ? fmt::format("{} + ", value(v).first) : "", c_number(T{0}));
  }

  std::string sums(const Statement& s, bool tangent) {
    std::vector<CAxis> axes;
    for (const auto& a : s.move[0].axes) axes.push_back({a.extent, {a.from, a.to}});
    axes = joined_axes(std::move(axes));
    need(s.in[0]);
    std::string text;
    for (const bool d : {false, true}) {
      if (d && !tangent) continue;
      text += zeros(s.out[0], d);
      text += c_loops(axes,
                      std::vector{fmt::format("{} += {};", element(s.out[0], axes, 0, 0, d),
                                              element(s.in[0], axes, 1, 0, d))},
                      1);
    }
    return text;
  }

  std::string products(const Statement& s, bool tangent) {
    const StepProducts& p = s.product;
    const int a = s.in[0], b = s.in[1], y = s.out[0];
    need(a), need(b);
    std::string text = zeros(y, false);
    if (tangent) text += zeros(y, true);
    for (const auto& at : p.offsets) {
      const std::vector<CAxis> axes =
          joined_axes({{p.m, {p.n, p.k, 0}}, {p.k, {0, 1, p.n}}, {p.n, {1, 0, 1}}});
      const auto product = [&](bool dy, bool da, bool db) {
        return fmt::format("{} += {} * {};", element(y, axes, 0, at.y, dy), element(a, axes, 1, at.a, da),
                           element(b, axes, 2, at.b, db));
      };
      std::vector<std::string> lines{product(false, false, false)};
      if (tangent && !constant(a)) lines.push_back(product(true, true, false));
      if (tangent && !constant(b)) lines.push_back(product(true, false, true));
      text += c_loops(axes, lines, 1);
    }
    return text;
  }

  std::string normalised(const Statement& s, bool tangent) {
    const StepNorm& n = s.norm;
    const int x = s.in[0], y = s.out[0];
    const std::string zero = c_number(T{0}), width = c_number(static_cast<T>(n.width));
    std::vector<std::string> body;
    const auto line = [&](std::string text) { body.push_back(std::move(text)); };
    const auto at = [&](int v, bool row, bool d = false) {
      std::string index =
          row ? fmt::format("r * {} + i", n.width) : fmt::format("r % {} * {} + i", n.groups, n.width);
      if (!row && n.groups == 1) index = "i";
      if (value(v).first > 0) index = fmt::format("{} + {}", value(v).first, index);
      return fmt::format("{}[{}]", array(v, d), index);
    };
    const std::string loop = fmt::format("  for (int i = 0; i < {}; ++i) ", n.width);
    line(fmt::format("  {} mean = {}, square = {};", type(), zero, zero));
    if (n.centred) {
      line(loop + fmt::format("mean += {};", at(x, true)));
      line(fmt::format("  mean = mean / {};", width));
    }
    line(loop + fmt::format("square += ({0} - mean) * ({0} - mean);", at(x, true)));
    line(fmt::format("  const {} scale = {} / {}(square / {} + {});", type(), c_number(T{1}),
                     function("sqrt"), width, c_number(static_cast<T>(n.eps))));
    std::string gamma, beta;
    if (n.gamma > 0) need(s.in[n.gamma]), gamma = " * " + at(s.in[n.gamma], false);
    if (n.beta > 0) need(s.in[n.beta]), beta = " + " + at(s.in[n.beta], false);
    line(loop + fmt::format("{} = ({} - mean) * scale{}{};", at(y, true), at(x, true), gamma, beta));
    if (tangent) {
      line(fmt::format("  {} dmean = {}, along = {};", type(), zero, zero));
      if (n.centred) {
        line(loop + fmt::format("dmean += {};", at(x, true, true)));
        line(fmt::format("  dmean = dmean / {};", width));
      }
      line(loop + fmt::format("along += ({} - mean) * ({} - dmean);", at(x, true), at(x, true, true)));
      line(fmt::format("  along = along * scale * scale / {};", width));
      line(loop + fmt::format("{} = ({} - dmean - ({} - mean) * along) * scale{};", at(y, true, true),
                              at(x, true, true), at(x, true), gamma));
    }
    std::string text = fmt::format("  for (int r = 0; r < {}; ++r) {{\n", n.rows * n.groups);
    for (const auto& l : body) text += "  " + l + "\n";
    return text + "  }\n";
  }

  // y = addend + Σ W x + b, row by row of x.
  std::string affine(const Statement& s, bool tangent) {
    const int y = s.out[0];
    const index_t outputs = value(y).shape.back(0), rows = outputs == 0 ? 0 : size(y) / outputs;
    std::string text;
    for (index_t r = 0; r < rows; ++r) text += affine_row(s, tangent, r, outputs);
    return text;
  }
  std::string affine_row(const Statement& s, bool tangent, index_t r, index_t outputs) {
    const int y = s.out[0];
    const std::vector<CAxis> over_outputs{{outputs, {1}}};
    const auto row_of = [&](int v) { return size(v) == outputs ? index_t{0} : r * outputs; };
    const auto start = [&](bool d) {
      std::string from;
      if (s.addend >= 0 && !(d && constant(s.addend))) {
        need(s.addend);
        from = element(s.addend, over_outputs, 0, row_of(s.addend), d);
      }
      for (const auto& t : s.terms) {
        if (t.b < 0 || d) continue;
        need(t.b);
        from += (from.empty() ? "" : " + ") + element(t.b, over_outputs, 0);
      }
      return from.empty() ? c_number(T{0}) : from;
    };
    std::string text;
    for (const bool d : {false, true}) {
      if (d && !tangent) continue;
      text += fmt::format("  for (int i0 = 0; i0 < {}; ++i0) {} = {};\n", outputs,
                          element(y, over_outputs, 0, r * outputs, d), start(d));
    }
    for (const auto& t : s.terms) {
      text += term(t, y, r, outputs, false, false, false);
      if (!tangent) continue;
      if (!constant(t.x)) text += term(t, y, r, outputs, true, true, false);
      if (!constant(t.w)) text += term(t, y, r, outputs, true, false, true);
    }
    return text;
  }
  std::string term(const typename Statement::Term& t, int y, index_t r, index_t outputs, bool dy, bool dx,
                   bool dw) {
    const index_t inputs = value(t.w).shape.back(0);
    need(t.x);
    if (!constant(t.w) || outputs < 8) {
      need(t.w);
      const std::vector<CAxis> axes = joined_axes({{outputs, {1, 0, inputs}}, {inputs, {0, 1, 1}}});
      return c_loops(
          axes,
          std::vector{fmt::format("{} += {} * {};", element(y, axes, 0, r * outputs, dy),
                                  element(t.w, axes, 2, 0, dw), element(t.x, axes, 1, r * inputs, dx))},
          1);
    }
    // Several inputs at a time, so that the sums are read and written once for all of them.
    const index_t block = outputs % 16 == 0 ? 16 : outputs % 8 == 0 ? 8 : outputs;
    const index_t whole = inputs / c_inputs_together * c_inputs_together;
    const std::string w = in_blocks(t.w, block);
    wide_ = wide_ || (block == 16 && sizeof(T) == 4);
    std::string text;
    const auto loop = [&](index_t first, index_t count, index_t step) {
      if (count == 0) return;
      text += fmt::format("  for (int k = {}; k < {}; k += {}) {{\n", first, first + count, step);
      std::vector<std::string> terms;
      for (index_t j = 0; j < step; ++j) {
        text += fmt::format("    const {} x{} = {}[{}k + {}];\n", type(), j, array(t.x, dx),
                            offset(value(t.x).first + r * inputs), j);
        terms.push_back(fmt::format("w[{}i] * x{}", offset(j * block), j));
      }
      text += fmt::format(
          "    for (int b = 0; b < {0}; ++b) {{\n      const {1}* RESTRICT w = {2} + k * {3} + b * {4};\n"
          "      for (int i = 0; i < {5}; ++i) {6}[{7}b * {5} + i] += {8};\n    }}\n  }}\n",
          outputs / block, type(), w, outputs, step * block, block, array(y, dy),
          offset(value(y).first + r * outputs), sum_in_pairs(terms));
    };
    loop(0, whole, c_inputs_together);
    loop(whole, inputs - whole, 1);
    return text;
  }
  /// A sum of sums of two, whose additions do not wait for each other.
  static std::string sum_in_pairs(std::span<const std::string> terms) {
    if (terms.size() == 1) return terms[0];
    const std::size_t half = terms.size() / 2;
    const std::string sum = sum_in_pairs(terms.first(half)) + " + " + sum_in_pairs(terms.subspan(half));
    return terms.size() < std::size_t{c_inputs_together} ? "(" + sum + ")" : sum;
  }
  static std::string offset(index_t first) { return first > 0 ? fmt::format("{} + ", first) : ""; }

  std::string statement(const Statement& s, bool tangent) {
    switch (s.kind) {
      case Statement::Kind::fused:
        return fused(s, tangent);
      case Statement::Kind::affine:
        return affine(s, tangent);
      case Statement::Kind::moves:
        return moves(s, tangent);
      case Statement::Kind::sums:
        return sums(s, tangent);
      case Statement::Kind::products:
        return products(s, tangent);
      case Statement::Kind::normalised:
        return normalised(s, tangent);
    }
    return {};
  }

  // --- the parts of the network ---

  std::string group_name(std::size_t g, bool tangent) const {
    return fmt::format("{}_{}{}{}", p_, c_identifier(script_.groups[g], "part"), tangent ? "_tangent_" : "_",
                       g);
  }
  /// What a group reads that others made, and what it makes that others read.
  struct Interface {
    bool state = false;
    std::vector<int> in, out;
  };
  Interface interface_of(std::size_t g) const {
    Interface i;
    for (const auto& [v, groups] : readers_) {
      const Kind kind = value(v).kind;
      if (kind == Kind::made && home_.at(v) == g && crossing_.contains(v)) i.out.push_back(v);
      if (!groups.contains(g)) continue;
      if (kind == Kind::state) i.state = true;
      if (kind == Kind::input || (kind == Kind::made && home_.at(v) != g)) i.in.push_back(v);
    }
    return i;
  }

  std::string group_function(std::size_t g, bool tangent) {
    const Interface i = interface_of(g);
    std::string parameters, text;
    const auto parameter = [&](const std::string& p) { parameters += (parameters.empty() ? "" : ", ") + p; };
    for (const bool d : {false, true}) {
      if (d && !tangent) continue;
      if (i.state) parameter(fmt::format("const {}_state* RESTRICT {}", p_, d ? "ds" : "s"));
      for (const int v : i.in) parameter(fmt::format("const {}* RESTRICT {}", type(), array(v, d)));
      for (const int v : i.out) parameter(fmt::format("{}* RESTRICT {}", type(), array(v, d)));
    }
    for (const Statement& s : script_.statements) {
      if (s.group != g) continue;
      for (const int v : s.out)
        if (v >= 0 && !crossing_.contains(v))
          text += fmt::format(
              "  {} {}[{}]{};\n", type(), array(v), std::max<index_t>(1, size(v)),
              tangent ? fmt::format(", {}[{}]", array(v, true), std::max<index_t>(1, size(v))) : "");
      text += fmt::format("  /* {} */\n", comment_of(s)) + statement(s, tangent);
    }
    if (text.empty()) text = "  /* nothing but views */\n";
    return fmt::format("/* {}{} */\nstatic void {}({}) {{\n{}}}\n\n", c_comment(script_.groups[g]),
                       tangent ? ", and its tangent" : "", group_name(g, tangent),
                       parameters.empty() ? "void" : parameters, text);
  }
  std::string comment_of(const Statement& s) const {
    std::string names;
    for (const int v : reads(s)) {
      const std::string& name = value(root(v)).name;
      if (value(root(v)).kind == Kind::input || name.empty()) continue;
      names += (names.empty() ? ": " : ", ") + name;
    }
    return c_comment(s.op + names);
  }
  std::string call(std::size_t g, bool tangent) const {
    const Interface i = interface_of(g);
    std::string arguments;
    const auto argument = [&](const std::string& a) { arguments += (arguments.empty() ? "" : ", ") + a; };
    for (const bool d : {false, true}) {
      if (d && !tangent) continue;
      if (i.state) argument(d ? "ds" : "s");
      for (const int v : i.in) argument(array(v, d));
      for (const int v : i.out) argument(array(v, d));
    }
    return fmt::format("{}({});\n", group_name(g, tangent), arguments);
  }

  // --- the functions of the interface ---

  index_t inputs() const { return table_.rows > 0 ? 1 : size(script_.input); }
  index_t outputs() const { return size(script_.output); }
  index_t state_size() const {
    index_t sum = 0;
    for (const auto& c : script_.carried) sum += size(c.before);
    return sum;
  }
  std::string copy(const std::string& to, int from, const std::string& indent) const {
    return fmt::format("{}for (int i = 0; i < {}; ++i) {}[i] = {}[{}i];\n", indent, size(from), to,
                       array(from), offset(value(from).first));
  }

  std::string reset_function() {
    std::string text = fmt::format("void {0}_reset({0}_state* s) {{\n", p_);
    if (script_.carried.empty()) text += "  s->unused = 0;\n";
    for (const auto& c : script_.carried) {
      const std::string to = fmt::format("s->{}", member_names_.at(c.before));
      const bool zero = std::all_of(c.first.begin(), c.first.end(), [](T x) { return x == T{0}; });
      const std::string name = p_ + "_first_" + member_names_.at(c.before);
      if (!zero) define(name, c.first, "what a sequence begins with");
      text += fmt::format("  for (int i = 0; i < {}; ++i) {}[i] = {};\n", size(c.before), to,
                          zero ? c_number(T{0}) : name + "[i]");
    }
    return text + "}\n\n";
  }

  std::string declarations(const std::string& indent, bool tangent) const {
    std::string text;
    for (const int v : crossing_)
      text += fmt::format("{}{} {}[{}]{};\n", indent, type(), array(v), size(v),
                          tangent ? fmt::format(", {}[{}]", array(v, true), size(v)) : "");
    return text;
  }
  std::string step_signature() const {
    return fmt::format("void {0}_step({0}_state* {3}s, {2}, {1}* {3}y)", p_, type(),
                       table_.rows > 0 ? "int symbol" : fmt::format("const {}* RESTRICT x", type()),
                       "RESTRICT ");
  }
  std::string input_line() {
    if (table_.rows == 0) return {};
    define(table_name_, table_.numbers, fmt::format("{} ({}, {})", table_.name, table_.rows, table_.cols));
    return fmt::format("  const {}* x = {} + {} * (symbol >= 0 && symbol < {} ? symbol : 0);\n", type(),
                       table_name_, table_.cols, table_.rows);
  }
  // Members that take the place of one another are copied before any is written.
  std::string next_state(const std::string& indent) const {
    std::string early, late;
    for (const auto& c : script_.carried) {
      if (root(c.after) == c.before && size(c.after) == size(c.before)) continue;
      const std::string to = fmt::format("s->{}", member_names_.at(c.before));
      if (value(root(c.after)).kind != Kind::state) {
        late += copy(to, c.after, indent);
        continue;
      }
      const std::string kept = fmt::format("kept_{}", member_names_.at(c.before));
      early +=
          fmt::format("{}{} {}[{}];\n", indent, type(), kept, size(c.after)) + copy(kept, c.after, indent);
      late += fmt::format("{}for (int i = 0; i < {}; ++i) {}[i] = {}[i];\n", indent, size(c.after), to, kept);
    }
    return early + late;
  }

  std::string step_function() {
    std::string text = step_signature() + " {\n" + input_line() + declarations("  ", false);
    if (script_.carried.empty()) text += "  (void)s;\n";
    for (std::size_t g = 0; g < script_.groups.size(); ++g) text += "  " + call(g, false);
    need(script_.output);
    for (const auto& c : script_.carried) need(c.after);
    text += copy("y", script_.output, "  ") + next_state("  ");
    return text + "}\n\n";
  }

  std::string jacobian_signature() const {
    return fmt::format("void {0}_step_jacobian(const {0}_state* RESTRICT s, {2}, {1}* RESTRICT jacobian)", p_,
                       type(), table_.rows > 0 ? "int symbol" : fmt::format("const {}* RESTRICT x", type()));
  }
  index_t columns() const { return (table_.rows > 0 ? 0 : inputs()) + state_size(); }
  std::string jacobian_function() {
    std::string text = jacobian_signature() + " {\n" + input_line();
    text += fmt::format("  {}_state tangent;\n  const {}_state* ds = &tangent;\n  {} dx[{}];\n", p_, p_,
                        type(), size(script_.input));
    text += declarations("  ", true);
    if (script_.carried.empty()) text += "  (void)s; tangent.unused = 0; (void)ds;\n";
    text += fmt::format("  for (int j = 0; j < {}; ++j) {{\n", columns());
    const std::string zero = c_number(T{0}), one = c_number(T{1});
    index_t first = 0;
    text += fmt::format("    for (int i = 0; i < {}; ++i) dx[i] = {};\n", size(script_.input),
                        table_.rows > 0 ? zero : fmt::format("i == j ? {} : {}", one, zero));
    if (table_.rows == 0) first = inputs();
    for (const auto& c : script_.carried) {
      text += fmt::format("    for (int i = 0; i < {}; ++i) tangent.{}[i] = {} + i == j ? {} : {};\n",
                          size(c.before), member_names_.at(c.before), first, one, zero);
      first += size(c.before);
    }
    for (std::size_t g = 0; g < script_.groups.size(); ++g) text += "    " + call(g, true);
    index_t row = 0;
    const auto column = [&](int v) {
      text += fmt::format(
          "    for (int i = 0; i < {}; ++i) jacobian[({} + i) * {} + j] = {};\n", size(v), row, columns(),
          constant(v) ? zero : fmt::format("{}[{}i]", array(v, true), offset(value(v).first)));
      row += size(v);
    };
    column(script_.output);
    for (const auto& c : script_.carried) column(c.after);
    return text + "  }\n}\n";
  }

  // --- the files ---

  std::string head(bool source) const {
    std::string text = fmt::format("/* {} {}: one step of a recurrent network, made by unroll.\n", p_,
                                   source ? "source" : "header");
    for (const std::string& note : options_.notes) text += fmt::format(" * {}\n", c_comment(note, 110));
    text += fmt::format(" *\n * {} numbers; {}. Compile with: cc -std=c99 -O3 -c {}.c{}\n */\n", type(),
                        options_.fast
                            ? "no library is needed: exp, tanh and the like are polynomials, right to 2e-7"
                            : "needs libm (-lm)",
                        p_, " (-ffast-math lets sums be divided into lanes)");
    return text;
  }

  std::string header() const {
    std::string guard = p_ + "_H";
    for (char& c : guard) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    std::string text = head(false);
    text += fmt::format("#ifndef {0}\n#define {0}\n\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n", guard);
    text += fmt::format("#define {}_OUTPUTS {}\n", upper(), outputs());
    if (table_.rows > 0)
      text += fmt::format("#define {}_SYMBOLS {} /* a step takes one of them, by its number */\n", upper(),
                          table_.rows);
    else
      text += fmt::format("#define {}_INPUTS {}\n", upper(), inputs());
    text += fmt::format("\n/* What is carried from step to step. */\ntypedef struct {}_state {{\n", p_);
    if (script_.carried.empty()) text += fmt::format("  {} unused;\n", type());
    for (const auto& c : script_.carried)
      text += fmt::format("  {} {}[{}];\n", type(), member_names_.at(c.before), size(c.before));
    text += fmt::format("}} {0}_state;\n#define {1}_STATE_SIZE sizeof({0}_state)\n\n", p_, upper());
    text += fmt::format(
        "/* Begins a sequence; also needed before the first step. */\nvoid {0}_reset({0}_state* s);\n", p_);
    const std::string input = table_.rows > 0 ? "int symbol" : fmt::format("const {}* x", type());
    text += fmt::format(
        "/* One time step. {}y, {} numbers, must not overlap with what is read. */\nvoid {}_step({}_state* "
        "s, {}, {}* y);\n",
        table_.rows > 0 ? "A symbol out of range counts as 0. " : "", outputs(), p_, p_, input, type());
    if (options_.jacobian) {
      text += fmt::format(
          "\n#define {0}_JACOBIAN_ROWS {1}    /* the outputs, then the next state */\n"
          "#define {0}_JACOBIAN_COLUMNS {2} /* {3}the state */\n",
          upper(), outputs() + state_size(), columns(), table_.rows > 0 ? "" : "the inputs, then ");
      text += fmt::format(
          "/* The derivatives of a step from s at x, row by row; s stays as it is. */\n"
          "void {0}_step_jacobian(const {0}_state* s, {1}, {2}* jacobian);\n",
          p_, input, type());
    }
    return text + "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
  }
  std::string upper() const {
    std::string text = p_;
    for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return text;
  }

  const Script<T>& script_;
  const CTable<T>& table_;
  const CWriterOptions& options_;
  std::string p_, table_name_;
  CWords words_;
  std::map<int, std::size_t> home_;
  std::map<int, std::set<std::size_t>> readers_;
  std::set<int> crossing_;
  std::map<int, std::string> member_names_, constant_names_;
  std::set<std::string> defined_, functions_made_;
  bool wide_ = false;  // 16 floats at a time
  std::string constants_, functions_;
};

}  // namespace

template <class T>
CFiles write_c(const Script<T>& script, const CTable<T>& table, const CWriterOptions& options) {
  return CWriter<T>(script, table, options).files();
}
template CFiles write_c(const Script<float>&, const CTable<float>&, const CWriterOptions&);
template CFiles write_c(const Script<double>&, const CTable<double>&, const CWriterOptions&);

}  // namespace unroll::detail
