#pragma once  // internal
/// \file The loops behind fused expressions: a tree is evaluated block by block, and its adjoints in a
/// second loop that recomputes the values in registers.

#include <array>
#include <bit>

#include "unroll/detail/autograd/fused/tree.hpp"

#if defined(__GNUC__) && !defined(__clang__)
// False alarms of gcc 12 in its own intrinsics (bug 105593), and in what is inlined here: all, by
// UNROLL_FLATTEN.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace unroll::detail {
inline namespace UNROLL_ISA {

/// Walks over the trees of an expression, one behind the other.
template <class... Trees>
struct Walks {
  template <class X, std::size_t M>
  using At = Walk<X, size_before<Trees...>(M).steps, size_before<Trees...>(M).leaves,
                  size_before<Trees...>(M).numbers>;
  static constexpr TreeSize size = size_before<Trees...>(sizeof...(Trees));
  static constexpr auto steps = [] {
    std::array<CodeStep, static_cast<std::size_t>(size.steps)> steps{};
    StepWriter writer{steps.data()};
    (writer.write(Trees{}), ...);
    return steps;
  }();
};

/// FusedCode::Forward of an expression with L inputs.
template <class T, int L, class... Trees>
[[gnu::noinline]] UNROLL_FLATTEN void forward_row(const T* numbers, const index_t* masks, const T* const* row,
                                                  index_t cols, T* const* out) {
  using Num = Batch<T>;
  using W = Walks<Trees...>;
  constexpr std::size_t leaves = L, numbers_here = W::size.numbers, steps = W::size.steps;
  Num x[leaves + 1], c[numbers_here + 1], v[steps];
  for (std::size_t k = 0; k < numbers_here; ++k) c[k] = Num(numbers[k]);
  for (index_t j = 0; j < cols; j += static_cast<index_t>(Num::size)) {
#pragma GCC unroll 16
    for (int k = 0; k < L; ++k) x[k] = Num::load_unaligned(row[k] + (j & masks[k]));
    [&]<std::size_t... M>(std::index_sequence<M...>) __attribute__((always_inline)) {
      ((W::template At<Trees, M>::eval(x, c, v),
        v[W::template At<Trees, M>::root].store_unaligned(out[M] + j)),
       ...);
    }
    (std::index_sequence_for<Trees...>{});
  }
}

/// FusedCode::Backward of an expression with L inputs.
template <class T, int L, class... Trees>
[[gnu::noinline]] UNROLL_FLATTEN void backward_row(const T* numbers, const index_t* masks,
                                                   const T* const* row, index_t cols,
                                                   const T* const* out_grad, const Sink<T>* sinks) {
  using Num = Batch<T>;
  using W = Walks<Trees...>;
  constexpr std::size_t outputs = sizeof...(Trees);
  constexpr std::size_t leaves = L, numbers_here = W::size.numbers, steps = W::size.steps;
  Num x[leaves + 1], c[numbers_here + 1], v[steps], dy[outputs], adjoints[leaves + 1];
  for (std::size_t k = 0; k < numbers_here; ++k) c[k] = Num(numbers[k]);
  for (index_t j = 0; j < cols; j += static_cast<index_t>(Num::size)) {
#pragma GCC unroll 16
    for (int k = 0; k < L; ++k) x[k] = Num::load_unaligned(row[k] + (j & masks[k]));
    for (std::size_t m = 0; m < outputs; ++m)
      dy[m] = out_grad[m] ? Num::load_unaligned(out_grad[m] + j) : Num(T{0});
#pragma GCC unroll 16
    for (int k = 0; k < L; ++k) adjoints[k] = Num(T{0});
    [&]<std::size_t... M>(std::index_sequence<M...>) __attribute__((always_inline)) {
      ((W::template At<Trees, M>::eval(x, c, v), W::template At<Trees, M>::push(v, dy[M], dy[M], adjoints)),
       ...);
    }
    (std::index_sequence_for<Trees...>{});
#pragma GCC unroll 16
    for (int k = 0; k < L; ++k) {
      if (!sinks[k].data) continue;
      T* p = sinks[k].data + (j & sinks[k].mask);
      if (sinks[k].add) adjoints[k] += Num::load_unaligned(p);
      adjoints[k].store_unaligned(p);
    }
  }
}

/// FusedCode::op_name.
template <class... Trees>
inline constexpr std::string_view name_for = "fuse";
template <class Op, class... A>
inline constexpr std::string_view name_for<Tree<Op, A...>> = Op::name;

template <class T, int L, class... Trees>
inline constexpr FusedCode<T> code_for{&forward_row<T, L, Trees...>,
                                       &backward_row<T, L, Trees...>,
                                       name_for<Trees...>,
                                       Walks<Trees...>::steps.data(),
                                       Walks<Trees...>::steps.size(),
                                       size_before<Trees...>(1).steps - 1,
                                       L,
                                       Walks<Trees...>::size.numbers,
                                       sizeof...(Trees),
                                       Batch<T>::size};

/// Computes trees over `inputs` as one node.
template <class T, class... Trees, std::size_t L>
std::array<Variable<T>, sizeof...(Trees)> run_fused(const T* numbers, const std::array<Tensor<T>*, L>& inputs,
                                                    const Shape& shape) {
  static_assert(L <= max_fused_inputs, "a fused expression has 64 inputs at most: give a part of it a name");
  static_assert(sizeof...(Trees) <= max_fused_outputs, "fuse() gives 16 results at most");
  static_assert(std::has_single_bit(Batch<T>::size) && sizeof(Batch<T>) <= 64, "see fused_walk.hpp");
  std::array<Variable<T>, sizeof...(Trees)> outputs;
  run_code(code_for<T, static_cast<int>(L), Trees...>, numbers, inputs.data(), shape, outputs.data());
  return outputs;
}

}  // namespace UNROLL_ISA
}  // namespace unroll::detail

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
