#include "unroll/detail/autograd/core/step_planner.hpp"

#include <algorithm>

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/gemm/bfloat16_rounding.hpp"

namespace unroll::detail {

StepMove broadcast_move(std::size_t input, const Shape& from, const Shape& to) {
  StepMove move{input};
  if (to.size() == 0) return {input, 0, 0, {{0, 0, 0}}};
  index_t in = from.size(), out = to.size();
  for (int axis = 0; axis < to.rank(); ++axis) {
    const int place = axis - (to.rank() - from.rank());
    const index_t extent = to[axis], own = place < 0 ? 1 : from[place];
    out /= extent, in /= own;
    move.axes.push_back({extent, own == 1 ? 0 : in, out});
  }
  return move;
}

template <class T>
void StepPlanner<T>::moves(const Node<T>& node, std::vector<StepMove> moves) {
  other(node, [moves = std::move(moves)](const T* const* in, T* out) {
    for (const StepMove& m : moves) m.each([&](index_t from, index_t to) { out[to] = in[m.input][from]; });
  });
}

template <class T>
void StepPlanner<T>::sums(const Node<T>& node, const Shape& kept) {
  // The other way round: where each element of the input goes.
  StepMove move = broadcast_move(0, kept, node.input(0).shape);
  other(node, [move = std::move(move), size = kept.size()](const T* const* in, T* out) {
    std::fill_n(out, size, T{0});
    move.each([&](index_t sum, index_t term) { out[sum] += in[0][term]; });
  });
}

template <class T>
void StepPlanner<T>::products(const Node<T>& node, StepProducts products) {
  other(node, [p = std::move(products)](const T* const* in, T* out) {
    const auto rounded = [&](T x) {
      return p.precision == Precision::bfloat16 ? T{blas::bfloat16_of(static_cast<float>(x))} : x;
    };
    for (const auto& at : p.offsets)
      for (index_t i = 0; i < p.m; ++i) {
        T* const y = out + at.y + i * p.n;
        std::fill_n(y, p.n, T{0});
        for (index_t k = 0; k < p.k; ++k) {
          const T a = rounded(in[0][at.a + i * p.k + k]);
          const T* const b = in[1] + at.b + k * p.n;
          for (index_t j = 0; j < p.n; ++j) y[j] += a * rounded(b[j]);
        }
      }
  });
}

UNROLL_COMPILE_TYPES(class StepPlanner)

}  // namespace unroll::detail
