#include "unroll/layers/rtrl.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>

#include "unroll/detail/autograd/core/without_hooks.hpp"
#include "unroll/detail/autograd/gemm/gemm.hpp"

namespace unroll::detail {

/// Where the numbers of a state stand in J: a block of rows for each row of the batch, so that ∂s'/∂s is
/// block-diagonal for cells that keep the rows apart.
template <class T>
struct Influence<T>::Layout {
  index_t blocks = 1, block = 0;  ///< B and N

  explicit Layout(const std::vector<Variable<T>>& state) {
    if (!state.empty() && state[0].rank() > 0) blocks = state[0].shape()[0];
    for (const Variable<T>& s : state)
      if (s.rank() < 2 || s.shape()[0] != blocks) blocks = 1;
    for (const Variable<T>& s : state) block += s.size();
    block = blocks == 0 ? 0 : block / blocks;
  }
  index_t rows() const { return blocks * block; }

  /// f(member, element, row of J) for all numbers of the state.
  template <class F>
  void for_each(const std::vector<Variable<T>>& state, F&& f) const {
    index_t first = 0;
    for (std::size_t k = 0; k < state.size(); ++k) {
      const index_t width = blocks == 0 ? 0 : state[k].size() / blocks;
      for (index_t i = 0; i < state[k].size(); ++i) f(k, i, i / width * block + first + i % width);
      first += width;
    }
  }
};

namespace {

// to += D J, over those blocks of D that are not zero.
template <class T>
void multiply_blocks(index_t blocks, index_t n, index_t columns, const T* d, const T* j, T* to) {
  using blas::Trans;
  const index_t m = blocks * n;
  for (index_t b = 0; b < blocks; ++b) {
    for (index_t a = 0; a < blocks; ++a) {
      const T* part = d + b * n * m + a * n;
      bool zero = true;
      for (index_t r = 0; zero && r < n; ++r)
        zero = std::all_of(part + r * m, part + r * m + n, [](T x) { return x == T{0}; });
      if (zero) continue;
      blas::gemm<T>(Trans::no, Trans::no, n, columns, n, T{1}, part, m, j + a * n * columns, columns, T{1},
                    to + b * n * columns, columns);
    }
  }
}

template <class T>
void check_shapes(const std::vector<Variable<T>>& before, const std::vector<Variable<T>>& after) {
  if (before.size() != after.size())
    raise<UsageError>("rtrl: the state has {} members, but the step returned {}; return all of them",
                      before.size(), after.size());
  for (std::size_t k = 0; k < before.size(); ++k) {
    if (before[k].shape() == after[k].shape()) continue;
    raise<ShapeError>("rtrl: the state changed its shape from {} to {}", before[k].shape().str(),
                      after[k].shape().str());
  }
}

}  // namespace

template <class T>
Influence<T>::Influence(const std::vector<Variable<T>>& parameters, const std::vector<Variable<T>>& initial) {
  for (const Variable<T>& p : parameters) {
    if (!p || !p.requires_grad()) continue;
    if (!p.is_leaf())
      raise<UsageError>("rtrl: parameter {} is the result of an op; give what it is computed from",
                        p.shape().str());
    parameters_.push_back(p);
    parameter_count_ += p.size();
  }
  if (parameters_.empty())
    raise<UsageError>("rtrl: no parameter requires a gradient; give those that are to be learnt");
  if (initial.empty()) raise<UsageError>("rtrl: the initial state is empty; assign values to its members");
  const Layout layout(initial);
  j_ = Variable<T>({layout.rows(), parameter_count_}, T{0});
  local_jacobians(layout, {}, initial, j_);
}

// ∂s'/∂s, and ∂s'/∂θ into the rows of `influence`.
template <class T>
Variable<T> Influence<T>::local_jacobians(const Layout& layout, const std::vector<Variable<T>>& before,
                                          const std::vector<Variable<T>>& after,
                                          Variable<T>& influence) const {
  const WithoutHooks<T> without_hooks(parameters_);  // they are for the gradient, not for rows of J
  const index_t m = layout.rows();
  Variable<T> d({m, before.empty() ? 0 : m}, T{0});
  std::vector<Variable<T>> wanted = before;
  wanted.insert(wanted.end(), parameters_.begin(), parameters_.end());
  T* const entries = d.mutable_data();
  T* const influences = influence.mutable_data();
  layout.for_each(after, [&](std::size_t k, index_t i, index_t row) {
    if (!after[k].requires_grad()) return;
    Variable<T> unit(after[k].shape(), T{0});
    unit.mutable_data()[i] = T{1};
    const auto slopes = grad<T>({after[k]}, wanted, {.retain_graph = true, .create_graph = false}, {unit});
    layout.for_each(before, [&](std::size_t member, index_t element, index_t column) {
      entries[row * m + column] = slopes[member].data()[element];
    });
    T* to = influences + row * parameter_count_;
    for (std::size_t p = before.size(); p < slopes.size(); ++p)
      to = std::copy_n(slopes[p].data(), slopes[p].size(), to);
  });
  return d;
}

template <class T>
void Influence<T>::advance(const std::vector<Variable<T>>& before, const std::vector<Variable<T>>& after) {
  check_shapes(before, after);
  const Layout layout(after);
  Variable<T> next(j_.shape(), T{0});
  const Variable<T> d = local_jacobians(layout, before, after, next);
  multiply_blocks(layout.blocks, layout.block, parameter_count_, d.data(), j_.data(), next.mutable_data());
  j_ = next;
}

template <class T>
void Influence<T>::backward(std::vector<Variable<T>> state) const {
  const Layout layout(state);
  Variable<T> g({layout.rows()}, T{0}), sums({parameter_count_}, T{0});
  std::vector<Variable<T>> slopes;
  for (const Variable<T>& s : state) slopes.push_back(s.has_grad() ? Variable<T>(s.grad()) : Variable<T>());
  T* const to = g.mutable_data();
  layout.for_each(state, [&](std::size_t k, index_t i, index_t row) {
    if (slopes[k]) to[row] = slopes[k].data()[i];
  });
  for (Variable<T>& s : state) s.zero_grad();
  blas::gemm<T>(blas::Trans::no, blas::Trans::no, 1, parameter_count_, layout.rows(), T{1}, g.data(),
                layout.rows(), j_.data(), parameter_count_, T{0}, sums.mutable_data(), parameter_count_);
  const T* from = sums.data();
  for (const Variable<T>& p : parameters_) {
    auto slope = Variable<T>::uninitialised(p.shape());
    std::copy_n(from, p.size(), slope.mutable_data());
    from += p.size();
    p.backward(slope);
  }
}

UNROLL_COMPILE_TYPES(class Influence)

}  // namespace unroll::detail
