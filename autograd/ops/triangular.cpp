#include "unroll/autograd/triangular.hpp"

#include <algorithm>

#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll {
namespace detail {
namespace {

enum class Triangle { lower, upper };

/// Which part of each matrix is kept.
struct TriangleRule {
  Triangle triangle;
  index_t diagonal;
  const char* name() const { return triangle == Triangle::lower ? "tril" : "triu"; }

  /// to (+)= the triangles of `from`, matrices of this shape.
  template <class T>
  void keep(const Shape& shape, const T* from, T* to, bool add) const {
    const index_t rows = shape.back(1), cols = shape.back(0);
    if (shape.size() == 0) return;  // of however many rows
    for (index_t r = 0, all = shape.product(0, shape.rank() - 1); r < all; ++r, from += cols, to += cols) {
      const index_t border = std::clamp(r % rows + diagonal, index_t{-1}, cols);
      const index_t first = triangle == Triangle::lower ? 0 : std::max(border, index_t{0});
      const index_t last = triangle == Triangle::lower ? std::min(border + 1, cols) : cols;
      store_or_add(to + first, last - first, add, from + first);
      if (add) continue;
      std::fill(to, to + first, T{0});
      std::fill(to + last, to + cols, T{0});
    }
  }
};

template <class T>
Variable<T> triangle_of(const Variable<T>& x0, TriangleRule rule);

template <class T>
class TriangleNode final : public Node<T> {
 public:
  explicit TriangleNode(const TriangleRule& rule) : rule_(rule) {}
  static constexpr bool reads(std::size_t) { return false; }

  void backward() override {
    const T* dy = this->output_grad();
    if (!dy || !this->wants(0)) return;
    const GradSlot<T> g = open_grad(this->input(0));
    rule_.keep(this->output()->shape, dy, g.data, g.add);
  }
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override {
    return {triangle_of(dy[0], rule_)};
  }
  std::string name() const override { return rule_.name(); }

 private:
  TriangleRule rule_;
};

template <class T>
Variable<T> triangle_of(const Variable<T>& x0, TriangleRule rule) {
  if (!x0) fail_empty(rule.name(), 0);
  const Shape shape = x0.shape();
  if (shape.rank() < 2) raise<ShapeError>("{}: need matrices (…, R, C); got {}", rule.name(), shape.str());
  rule.diagonal = std::clamp(rule.diagonal, -shape.back(1) - 1, shape.back(0) + 1);  // no sum overflows
  const Variable<T> x = dense(x0);
  Tensor<T>* const inputs[] = {x.tensor()};
  const bool recorded = begin_op<T>(rule.name(), inputs);
  const TensorRef<T> out = Tape<T>::local().allocate_output(shape);
  rule.keep(shape, inputs[0]->data, out->data, false);
  return finish_op<TriangleNode<T>>(recorded, inputs, out, rule);
}

}  // namespace
}  // namespace detail

template <class T>
Variable<T> tril(const Variable<T>& x, index_t diagonal) {
  return detail::triangle_of(x, {detail::Triangle::lower, diagonal});
}

template <class T>
Variable<T> triu(const Variable<T>& x, index_t diagonal) {
  return detail::triangle_of(x, {detail::Triangle::upper, diagonal});
}

UNROLL_COMPILE_FUNCTIONS(tril, triu)

}  // namespace unroll
