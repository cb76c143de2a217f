#include "unroll/autograd/einsum.hpp"

#include <algorithm>
#include <string>

#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll {
namespace detail {
namespace {

bool has(const std::string& letters, char letter) { return letters.find(letter) != std::string::npos; }

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// An equation taken apart: a letter for each axis.
struct Equation {
  std::string text, a, b, out;
};

void refuse_repeated(const std::string& text, const std::string& letters, const char* where) {
  for (std::size_t k = 0; k < letters.size(); ++k)
    if (letters.find(letters[k], k + 1) != std::string::npos)
      raise<UsageError>("einsum: \"{}\" repeats letter {} in {}; name each of its axes by another letter",
                        text, letters[k], where);
}

// The letters that stand in one operand only, in alphabetical order.
std::string implicit_output(const Equation& e) {
  std::string out;
  for (char c : e.a)
    if (!has(e.b, c)) out += c;
  for (char c : e.b)
    if (!has(e.a, c)) out += c;
  std::sort(out.begin(), out.end());
  return out;
}

// The letters of a part of an equation.
std::string letters_of(const std::string& text, std::string_view part) {
  std::string letters;
  for (char c : part) {
    if (c == ' ') continue;
    if (!is_letter(c))
      raise<UsageError>(
          "einsum: \"{}\" has '{}' among its letters; write letters, one comma and at most one ->", text, c);
    letters += c;
  }
  return letters;
}

Equation parse_equation(std::string_view text) {
  Equation e{std::string(text), {}, {}, {}};
  const std::size_t arrow = text.find("->");
  const std::string_view operands = text.substr(0, arrow);
  const std::size_t comma = operands.find(',');
  if (comma == std::string_view::npos || operands.find(',', comma + 1) != std::string_view::npos)
    raise<UsageError>("einsum: \"{}\" must name two operands, as in \"ij,jk->ik\"", e.text);
  e.a = letters_of(e.text, operands.substr(0, comma));
  e.b = letters_of(e.text, operands.substr(comma + 1));
  refuse_repeated(e.text, e.a, "operand 1");
  refuse_repeated(e.text, e.b, "operand 2");
  e.out = arrow == std::string_view::npos ? implicit_output(e) : letters_of(e.text, text.substr(arrow + 2));
  refuse_repeated(e.text, e.out, "the output");
  for (char c : e.out)
    if (!has(e.a, c) && !has(e.b, c))
      raise<UsageError>(
          "einsum: letter {} of the output of \"{}\" is in no operand; sum over letters by leaving them out",
          c, e.text);
  return e;
}

void check_rank(const Equation& e, const std::string& letters, const Shape& shape, int operand) {
  if (letters.size() != static_cast<std::size_t>(shape.rank()))
    raise<ShapeError>("einsum: \"{}\" gives operand {} {} axes; its shape is {}", e.text, operand,
                      letters.size(), shape.str());
}

void check_shapes(const Equation& e, const Shape& a, const Shape& b) {
  check_rank(e, e.a, a, 1);
  check_rank(e, e.b, b, 2);
  for (std::size_t k = 0; k < e.a.size(); ++k) {
    const std::size_t other = e.b.find(e.a[k]);
    if (other == std::string::npos) continue;
    const index_t m = a[static_cast<int>(k)], n = b[static_cast<int>(other)];
    if (m != n)
      raise<ShapeError>("einsum: letter {} of \"{}\" has extent {} in {} and {} in {}", e.a[k], e.text, m,
                        a.str(), n, b.str());
  }
  if (e.out.size() > Shape::max_rank)
    raise<ShapeError>("einsum: the output of \"{}\" has {} axes; at most {} are possible", e.text,
                      e.out.size(), Shape::max_rank);
}

/// An array whose axes have letters.
template <class T>
struct Lettered {
  Variable<T> x;
  std::string letters;

  index_t extent(const std::string& of) const {
    index_t product = 1;
    for (char c : of) product *= x.shape()[static_cast<int>(letters.find(c))];
    return product;
  }
  /// Summed over the letters that are in neither of the others.
  Lettered summed(const std::string& other, const std::string& out) const {
    std::vector<int> axes;
    std::string kept;
    for (std::size_t k = 0; k < letters.size(); ++k) {
      if (has(other, letters[k]) || has(out, letters[k]))
        kept += letters[k];
      else
        axes.push_back(static_cast<int>(k));
    }
    return axes.empty() ? *this : Lettered{sum(x, Axes(axes)), kept};
  }
  /// With its axes in another order.
  Lettered arranged(const std::string& order) const {
    if (order == letters) return *this;
    std::vector<int> axes;
    for (char c : order) axes.push_back(static_cast<int>(letters.find(c)));
    return {permute(x, axes), order};
  }
};

/// The letters of a product by what becomes of them.
struct ProductLetters {
  std::string batch, rows, cols, inner;

  ProductLetters(const std::string& a, const std::string& b, const std::string& out) {
    for (char c : out) (has(a, c) ? has(b, c) ? batch : rows : cols) += c;
    for (char c : a)
      if (has(b, c) && !has(out, c)) inner += c;
  }
};

// (batch, M, K) and (batch, K, N) → (batch, M, N), by the way that suits the extents.
template <class T>
Variable<T> product_of(const Variable<T>& a, const Variable<T>& b, index_t batch, index_t m, index_t k,
                       index_t n, bool inner) {
  if (!inner) return recorded::mul(reshape(a, Shape{batch, m, 1}), reshape(b, Shape{batch, 1, n}));
  if (m == 1 && n == 1 && batch > 1)  // else many products of one element
    return sum(recorded::mul(reshape(a, Shape{batch, k}), reshape(b, Shape{batch, k})), 1);
  if (batch == 1) return matmul(reshape(a, Shape{m, k}), reshape(b, Shape{k, n}));
  return matmul(reshape(a, Shape{batch, m, k}), reshape(b, Shape{batch, k, n}));
}

template <class T>
Variable<T> contracted(const Equation& e, const Variable<T>& x, const Variable<T>& y) {
  Lettered<T> a = Lettered<T>{x, e.a}.summed(e.b, e.out), b = Lettered<T>{y, e.b}.summed(e.a, e.out);
  const ProductLetters l(a.letters, b.letters, e.out);
  const std::string order = l.batch + l.rows + l.cols;
  std::vector<index_t> extents;
  for (char c : order) extents.push_back((has(a.letters, c) ? a : b).extent({c}));
  a = a.arranged(l.batch + l.rows + l.inner);
  b = b.arranged(l.batch + l.inner + l.cols);
  const Variable<T> y_flat = product_of(a.x, b.x, a.extent(l.batch), a.extent(l.rows), a.extent(l.inner),
                                        b.extent(l.cols), !l.inner.empty());
  return Lettered<T>{reshape(y_flat, Shape(extents.begin(), extents.end())), order}.arranged(e.out).x;
}

}  // namespace
}  // namespace detail

template <class T>
Variable<T> einsum(std::string_view equation, const Variable<T>& a, const detail::Same<Variable<T>>& b) {
  using namespace detail;
  if (!a) fail_empty("einsum", 0);
  if (!b) fail_empty("einsum", 1);
  const Equation e = parse_equation(equation);
  check_shapes(e, a.shape(), b.shape());
  return contracted(e, a, b);
}

template <class T>
Variable<T> outer(const Variable<T>& a, const detail::Same<Variable<T>>& b) {
  using namespace detail;
  if (!a) fail_empty("outer", 0);
  if (!b) fail_empty("outer", 1);
  if (a.rank() != 1 || b.rank() != 1)
    raise<ShapeError>("outer: need two vectors; got {} and {}", a.shape().str(), b.shape().str());
  return recorded::mul(reshape(a, {-1, 1}), reshape(b, {1, -1}));
}

UNROLL_COMPILE_FUNCTIONS(einsum, outer)

}  // namespace unroll
