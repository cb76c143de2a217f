#include "unroll/mpi/all_reduce.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "unroll/autograd/custom.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/autograd/xtensor.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"

namespace unroll::mpi {
namespace {

/// The shapes of all ranks' arrays.
std::vector<Shape> all_shapes(Communicator& ranks, const Shape& mine) {
  constexpr int most_axes = 5;
  using Extents = std::array<index_t, most_axes + 1>;  // the rank first
  Extents extents{mine.rank()};
  for (int k = 0; k < mine.rank(); ++k) extents[static_cast<std::size_t>(k) + 1] = mine[k];
  std::vector<Extents> all(static_cast<std::size_t>(ranks.count()));
  ranks.gather(std::as_bytes(std::span(extents)), std::as_writable_bytes(std::span(all)));
  std::vector<Shape> shapes;
  for (const Extents& e : all) shapes.emplace_back(e.begin() + 1, e.begin() + 1 + e[0]);
  return shapes;
}

/// Errors: ShapeError unless all shapes are alike from axis `from` on.
void need_alike(const char* op, const std::vector<Shape>& shapes, int from) {
  for (std::size_t k = 0; k < shapes.size(); ++k) {
    bool alike = shapes[k].rank() == shapes[0].rank() && shapes[k].rank() >= from;
    for (int axis = from; alike && axis < shapes[k].rank(); ++axis)
      alike = shapes[k][axis] == shapes[0][axis];
    if (alike) continue;
    raise<ShapeError>("mpi {}: need the same shape on all ranks{}; got {} on rank 0, {} on rank {}", op,
                      from == 0 ? "" : " but for the first axis", shapes[0].str(), shapes[k].str(), k);
  }
}

/// A copy of an array, summed over the ranks.
template <class T, class E>
xt::xarray<T> summed(Communicator& ranks, const E& x) {
  xt::xarray<T> y = x;
  sum_over_ranks(ranks, std::span<T>(y.data(), y.size()));
  return y;
}

/// The rows of all ranks; shape is that of the result.
template <class T, class E>
xt::xarray<T> gathered(Communicator& ranks, const std::vector<Shape>& shapes, const Shape& shape,
                       const E& x) {
  xt::xarray<T> y = xt::xarray<T>::from_shape(std::vector<std::size_t>(shape.begin(), shape.end()));
  T* to = y.data();
  for (int k = 0; k < ranks.count(); ++k) {
    const auto size = static_cast<std::size_t>(shapes[static_cast<std::size_t>(k)].size());
    if (k == ranks.rank()) std::copy(x.begin(), x.end(), to);
    ranks.broadcast(std::as_writable_bytes(std::span<T>(to, size)), k);
    to += size;
  }
  return y;
}

}  // namespace

template <class T>
void sum_over_ranks(Communicator& ranks, std::span<T> values) {
  const int rank = ranks.rank();
  std::vector<T> theirs(ranks.count() > 1 ? values.size() : 0);
  for (int stride = 1; stride < ranks.count(); stride *= 2) {
    if (rank % (2 * stride) != 0) {
      ranks.send(std::as_bytes(values), rank - stride);
      break;
    }
    if (rank + stride >= ranks.count()) continue;
    ranks.receive(std::as_writable_bytes(std::span(theirs)), rank + stride);
    for (std::size_t k = 0; k < values.size(); ++k) values[k] += theirs[k];
  }
  ranks.broadcast(std::as_writable_bytes(values), 0);
}

template <class T>
Variable<T> all_reduce(Communicator& ranks, const Variable<T>& x) {
  need_alike("all_reduce", all_shapes(ranks, x.shape()), 0);
  return custom_op<T>(
      "mpi all_reduce", [&ranks](const auto& value) { return summed<T>(ranks, value); },
      [&ranks](const auto& dy, const auto&, const auto&) { return summed<T>(ranks, dy); },
      [&ranks](const auto& dy, const auto&, const auto&) { return all_reduce(ranks, Variable<T>(dy)); })(x);
}

template <class T>
Variable<T> all_gather(Communicator& ranks, const Variable<T>& x) {
  const std::vector<Shape> shapes = all_shapes(ranks, x.shape());
  need_alike("all_gather", shapes, 1);
  index_t rows = 0, begin = 0;
  for (std::size_t k = 0; k < shapes.size(); ++k) {
    if (k == static_cast<std::size_t>(ranks.rank())) begin = rows;
    rows += shapes[k][0];
  }
  const Shape shape = shapes[0].with(0, rows);
  const index_t end = begin + x.shape(0);
  return custom_op<T>(
      "mpi all_gather",
      [&ranks, shapes, shape](const auto& value) { return gathered<T>(ranks, shapes, shape, value); },
      [&ranks, begin, end](const auto& dy, const auto&, const auto&) -> xt::xarray<T> {
        const xt::xarray<T> all = summed<T>(ranks, dy);
        return xt::view(all, xt::range(begin, end));
      },
      [&ranks, begin, end](const auto& dy, const auto&, const auto&) {
        return slice(all_reduce(ranks, Variable<T>(dy)), 0, begin, end);
      })(x);
}

UNROLL_COMPILE_FUNCTIONS(sum_over_ranks, all_reduce, all_gather)

}  // namespace unroll::mpi
