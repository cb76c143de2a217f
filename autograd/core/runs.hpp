#pragma once  // internal
/// \file Loops over the contiguous runs that arrays consist of (see tensor.hpp for the layout).

#include <algorithm>
#include <concepts>

#include "unroll/autograd/shape.hpp"

namespace unroll::detail {

/// Where the next piece of a layout begins.
struct Cursor {
  index_t run, pitch, start = 0, inside = 0;
  index_t at() const { return start + inside; }
  void advance(index_t n) {
    inside += n;
    if (inside == run) start += pitch, inside = 0;
  }
};

/// Runs f(piece of a, piece of b, count) over two layouts of the same size.
template <class F>
void for_runs(index_t size, index_t run_a, index_t pitch_a, index_t run_b, index_t pitch_b, F&& f) {
  const index_t run = run_a < run_b ? run_a : run_b;  // the smaller divides the larger
  Cursor a{run_a, pitch_a}, b{run_b, pitch_b};
  for (index_t i = 0; i < size; i += run, a.advance(run), b.advance(run)) f(a.at(), b.at(), run);
}

/// What:   to[i] = from[i], or to[i] += from[i], for n elements.
template <class T>
void store_or_add(T* to, index_t n, bool add, const T* from) {
  if (!add) {
    std::copy_n(from, n, to);
    return;
  }
  for (index_t i = 0; i < n; ++i) to[i] += from[i];
}
/// The same of value(i).
template <class T, std::invocable<index_t> F>
[[gnu::always_inline]] inline void store_or_add(T* to, index_t n, bool add, F&& value) {
  if (add) {
    for (index_t i = 0; i < n; ++i) to[i] += value(i);
  } else {
    for (index_t i = 0; i < n; ++i) to[i] = value(i);
  }
}

}  // namespace unroll::detail
