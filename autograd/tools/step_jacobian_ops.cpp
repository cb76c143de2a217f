/// \file How each kind of op passes on the parts of ∂s'/∂t.

#include "unroll/detail/autograd/tools/step_jacobian.hpp"

#include "unroll/autograd/indices.hpp"
#include "unroll/detail/autograd/core/idle_rows.hpp"
#include "unroll/detail/autograd/fused/walk.hpp"
#include "unroll/detail/autograd/gemm/gemm.hpp"

namespace unroll::detail {
namespace {

// to (+)= d slope, but 0 where d is 0, as in backward passes.
template <class T>
void scale(const T* d, const T* slopes, index_t n, bool add, T* to) {
  store_or_add<T>(to, n, add, [=](index_t j) { return d[j] == T{0} ? T{0} : d[j] * slopes[j]; });
}

/// Which element of an array is read for each element of the shape that it broadcasts to.
class BroadcastWalk {
 public:
  BroadcastWalk(const Shape& own, const Shape& shape) : shape_(shape) {
    index_t step = 1;
    for (int axis = 1; axis <= own.rank(); ++axis) {
      const index_t extent = own.back(axis - 1);
      step_[shape.rank() - axis] = extent == 1 ? 0 : step;
      step *= extent;
    }
  }
  void fill(index_t* elements) {
    for (index_t i = 0; i < shape_.size(); ++i) {
      elements[i] = at_;
      for (int axis = shape_.rank() - 1; axis >= 0; --axis) {
        at_ += step_[axis];
        if (++index_[axis] < shape_[axis]) break;
        at_ -= step_[axis] * shape_[axis];
        index_[axis] = 0;
      }
    }
  }

 private:
  const Shape& shape_;
  index_t step_[Shape::max_rank] = {}, index_[Shape::max_rank] = {}, at_ = 0;
};

}  // namespace

// Rows of a table.
template <class T>
void StepJacobian<T>::look_up(const Node<T>& node, const Indices& rows) {
  handled_ = true;
  if (!wants(node.input(0))) return;
  const int table = value_of(node.input(0));
  const index_t width = node.input(0).shape.size() / node.input(0).shape[0];
  for_pieces(node.output(), [&](const MatrixPart<T>& piece) {
    for_segments(piece, width, [&](MatrixPart<T> part, index_t n) {
      part.column += rows[n] * width;
      copy_to(table, part);
    });
  });
}

template <class T>
void StepJacobian<T>::parts(const Node<T>& node) {
  handled_ = true;
  const auto& view = static_cast<const ViewNode<T>&>(node);
  const Tensor<T>& whole = node.input(0);
  const index_t size = whole.shape.size();
  const int value = value_of(whole);
  T* const base = whole.data;  // any address
  for (std::size_t m = 0; m < node.output_count(); ++m) {
    if (!reached(node.output(m))) continue;
    const GradSlot<T> region = view.region(m, {base, size, size, false});
    for_pieces(node.output(m), [&](const MatrixPart<T>& piece) {
      for_segments(piece, region.run, [&](MatrixPart<T> part, index_t n) {
        part.column += region.data - base + n * region.pitch;
        copy_to(value, part);
      });
    });
  }
}

// Adds `from`, times the slopes of its columns, to ∂s'/∂(value), where column e goes to elements[e], or to e.
template <class T>
void StepJacobian<T>::pass(const MatrixPart<T>& from, int value, const T* slopes, const index_t* elements) {
  if (!elements) return pass_run(from, value, slopes + from.column, from.column, false);
  for (index_t at = 0; at < from.columns;) {
    const index_t* const e = elements + from.column + at;
    const index_t step = at + 1 < from.columns && e[1] == e[0] ? 0 : 1;
    index_t count = 1;
    while (at + count < from.columns && e[count] == e[0] + step * count) ++count;
    MatrixPart<T> run = from;
    run.column += at, run.columns = count, run.values += at;
    if (from.diagonal) run.row += at, run.rows = count;
    pass_run(run, value, slopes + run.column, e[0], step == 0);
    at += count;
  }
}

// The same for columns that go to elements one after another from `element` on, or all to the `same`.
template <class T>
void StepJacobian<T>::pass_run(const MatrixPart<T>& from, int value, const T* slopes, index_t element,
                               bool same) {
  const index_t n = from.columns;
  if (!same) {
    const Place to = open(value, {from.row, from.rows, element, n, nullptr, n, from.diagonal});
    if (from.diagonal) return scale(from.values, slopes, n, to.add, to.values);
    for (index_t r = 0; r < from.rows; ++r)
      scale(from.values + r * from.stride, slopes, n, to.add, to.values + r * to.stride);
    return;
  }
  const Place to = open(value, {from.row, from.rows, element, 1, nullptr, 1, false});
  for (index_t r = 0; r < from.rows; ++r) {
    T sum = to.add ? to.values[r * to.stride] : T{0};
    for (index_t j = from.diagonal ? r : 0; j < (from.diagonal ? r + 1 : n); ++j) {
      const T d = from.diagonal ? from.values[j] : from.values[r * from.stride + j];
      if (d != T{0}) sum += d * slopes[j];
    }
    to.values[r * to.stride] = sum;
  }
}

template <class T>
void StepJacobian<T>::fused(const Node<T>& node, const FusedCode<T>& code, const T* numbers) {
  handled_ = true;
  const Tensor<T>* out = nullptr;
  for (std::size_t m = 0; m < node.output_count(); ++m)
    if (reached(node.output(m))) out = node.output(m);
  const index_t size = out->shape.size();
  const T* row[max_fused_inputs];
  const index_t* elements[max_fused_inputs];
  Sink<T> sinks[max_fused_inputs];
  for (std::size_t k = 0; k < node.input_count(); ++k) {
    Tensor<T>& in = node.input(k);
    elements[k] = nullptr;
    row[k] = in.data;
    if (!in.dense()) {
      T* const copy = numbers_.take(in.shape.size());
      copy_dense(in, copy);
      row[k] = copy;
    }
    if (in.shape.size() != size) {
      index_t* const from = indices_.take(size);
      BroadcastWalk(in.shape, out->shape).fill(from);
      T* const spread = numbers_.take(size);
      for (index_t e = 0; e < size; ++e) spread[e] = row[k][from[e]];
      elements[k] = from, row[k] = spread;
    }
    sinks[k] = {wants(in) ? numbers_.take(size) : nullptr, -1, false};
  }
  T* const ones = numbers_.take(size);
  std::fill_n(ones, size, T{1});
  for (std::size_t m = 0; m < node.output_count(); ++m) {
    if (!reached(node.output(m))) continue;
    const T* out_grad[max_fused_outputs] = {};
    out_grad[m] = ones;
    backward_columns<T>(code, numbers, all_along.data(), row, size, out_grad, sinks);
    for_pieces(node.output(m), [&](const MatrixPart<T>& piece) {
      for (std::size_t k = 0; k < node.input_count(); ++k)
        if (sinks[k].data) pass(piece, value_of(node.input(k)), sinks[k].data, elements[k]);
    });
  }
}

template <class T>
void StepJacobian<T>::affine(const Node<T>& node, const Tensor<T>* addend, std::span<const Term> terms,
                             Precision) {
  handled_ = true;
  const index_t outputs = node.output()->shape.back(0);
  for_pieces(node.output(), [&](const MatrixPart<T>& piece) {
    if (addend && wants(*addend)) copy_to(value_of(*addend), piece);
    for_segments(piece, outputs, [&](const MatrixPart<T>& part, index_t row) {
      for (const Term& term : terms) {
        if (term.b && wants(*term.b)) copy_to(value_of(*term.b), part);
        if (wants(*term.x)) multiply_back(part, term, row);
        if (wants(*term.w)) outer(part, term, row);
      }
    });
  });
}

// ∂s'/∂x for row `row` of x, from ∂s'/∂(x Wᵀ) for some elements of that row.
template <class T>
void StepJacobian<T>::multiply_back(const MatrixPart<T>& from, const Term& term, index_t row) {
  const index_t inputs = term.w->shape[1];
  const T* const w = term.w->data + from.column * inputs;
  const Place to =
      open(value_of(*term.x), {from.row, from.rows, row * inputs, inputs, nullptr, inputs, false});
  if (from.diagonal) {
    for (index_t r = 0; r < from.rows; ++r) {
      const T d = from.values[r];
      const T* const weights = w + r * inputs;
      store_or_add<T>(to.values + r * to.stride, inputs, to.add,
                      [=](index_t j) { return d == T{0} ? T{0} : d * weights[j]; });
    }
    return;
  }
  const T* dy = from.values;
  if (from.stride != from.columns) {
    T* const copy = numbers_.take(from.rows * from.columns);
    for (index_t r = 0; r < from.rows; ++r)
      std::copy_n(from.values + r * from.stride, from.columns, copy + r * from.columns);
    dy = copy;
  }
  multiply_rows_in_use<T>(
      dy, from.rows, from.columns, {to.values, inputs, to.stride, to.add},
      [&] { return all_finite(w, from.columns * inputs); },
      [&](T beta, T* product, index_t ld) {
        blas::gemm<T>(blas::Trans::no, blas::Trans::no, from.rows, inputs, from.columns, T{1}, dy,
                      from.columns, w, inputs, beta, product, ld);
      });
}

// ∂s'/∂W for a parameter W, from the same.
template <class T>
void StepJacobian<T>::outer(const MatrixPart<T>& from, const Term& term, index_t row) {
  const std::size_t number = static_cast<std::size_t>(values_.find(term.w));
  const Tensor<T>& x = *term.x;
  const index_t inputs = term.w->shape[1], stride = x.dense() ? inputs : x.pitch;
  if (term.w->creator || number < members_ || (!x.dense() && x.run != inputs)) {
    failed_ = true;
    return;
  }
  const index_t column = first_column_[number - members_] + from.column * inputs;
  const T* const in = x.data + row * stride;
  if (from.diagonal)
    return of_parameters_.push_back({from.row, 1, column, inputs, from.rows, from.values, in});
  for (index_t r = 0; r < from.rows; ++r)
    of_parameters_.push_back(
        {from.row + r, 0, column, inputs, from.columns, from.values + r * from.stride, in});
}

#define UNROLL_RULES(T)                                                                             \
  template void StepJacobian<T>::look_up(const Node<T>&, const Indices&);                           \
  template void StepJacobian<T>::parts(const Node<T>&);                                             \
  template void StepJacobian<T>::fused(const Node<T>&, const FusedCode<T>&, const T*);              \
  template void StepJacobian<T>::affine(const Node<T>&, const Tensor<T>*,                           \
                                        std::span<const typename StepPlanner<T>::Term>, Precision); \
  template void StepJacobian<T>::pass(const MatrixPart<T>&, int, const T*, const index_t*);         \
  template void StepJacobian<T>::pass_run(const MatrixPart<T>&, int, const T*, index_t, bool);      \
  template void StepJacobian<T>::multiply_back(const MatrixPart<T>&, const Term&, index_t);         \
  template void StepJacobian<T>::outer(const MatrixPart<T>&, const Term&, index_t);
UNROLL_RULES(float)
UNROLL_RULES(double)
#undef UNROLL_RULES

}  // namespace unroll::detail
