#include "unroll/mpi/all_reduce.hpp"

#include <doctest/doctest.h>

#include "../arrays.hpp"
#include "ranks.hpp"
#include "unroll/autograd/functional.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/reduce.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

/// The array of one rank; its gradient depends on every element of every rank's.
Variable<double> input_of(int rank, index_t rows = 3) {
  return random_parameter({rows, 2}, static_cast<std::uint64_t>(rank) + 1);
}

/// A loss of one rank, of what all have made together.
Variable<double> loss_of(int rank, const Variable<double>& y, const Variable<double>& x) {
  return sum(y * y * static_cast<double>(rank + 1)) + sum(tanh(x));
}

/// Gradients of the sum of all ranks' losses, and of the sum of their squares, in one process.
struct Reference {
  std::vector<Variable<double>> x;
  std::vector<std::vector<double>> first, second;

  template <class Together>
  Reference(int ranks, bool ragged, Together&& together) {
    for (int r = 0; r < ranks; ++r) x.push_back(input_of(r, ragged ? r : 3));
    const Variable<double> y = together(x);
    Variable<double> loss(0.0), squares(0.0);
    for (int r = 0; r < ranks; ++r) loss = loss + loss_of(r, y, x[static_cast<std::size_t>(r)]);
    const auto g = grad(std::vector{loss}, x, {.create_graph = true});
    for (const auto& gradient : g) {
      first.push_back(list(gradient));
      squares = squares + sum(gradient * gradient);
    }
    for (const auto& gradient : grad(std::vector{squares}, x)) second.push_back(list(gradient));
  }
};

// Sums of at most a dozen terms of size 1 to 100, added in another order: a few units in the last place.
constexpr double rounding = 1e-12;

void nearly_equal(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t k = 0; k < a.size(); ++k) CHECK(a[k] == doctest::Approx(b[k]).epsilon(rounding));
}

}  // namespace

TEST_CASE("sum_over_ranks: the sum along the tree, to the bit, on every rank") {
  mpi::Communicator ranks(patient);
  const auto of = [](int rank) {
    Random random(static_cast<std::uint64_t>(rank));
    std::vector<float> values(1000);
    for (float& v : values) v = static_cast<float>(random.uniform(-1, 1));
    return values;
  };
  auto values = of(ranks.rank());
  mpi::sum_over_ranks<float>(ranks, values);
  CHECK(same_bits(values, tree_sum(ranks.count(), of)));
}

TEST_CASE(
    "all_reduce: value and gradients of both orders are those of one process that has all ranks' arrays") {
  mpi::Communicator ranks(patient);
  const Reference wanted(ranks.count(), false, [](const auto& xs) {
    Variable<double> y = xs[0] * xs[0];
    for (std::size_t k = 1; k < xs.size(); ++k) y = y + xs[k] * xs[k];
    return y;
  });
  const auto me = static_cast<std::size_t>(ranks.rank());
  const Variable<double> x = input_of(ranks.rank());
  const Variable<double> y = mpi::all_reduce(ranks, x * x);
  const auto first = grad(loss_of(ranks.rank(), y, x), x, {.create_graph = true});
  nearly_equal(list(first), wanted.first[me]);
  nearly_equal(list(grad(Variable<double>(sum(first * first)), x)), wanted.second[me]);
}

TEST_CASE("all_gather: value and gradients of both orders are those of one process, also of unequal parts") {
  mpi::Communicator ranks(patient);
  for (const bool ragged : {false, true}) {
    const Reference wanted(ranks.count(), ragged, [](const auto& xs) { return concat(xs, 0); });
    const auto me = static_cast<std::size_t>(ranks.rank());
    const Variable<double> x = input_of(ranks.rank(), ragged ? ranks.rank() : 3);
    const Variable<double> y = mpi::all_gather(ranks, x);
    CHECK(list(y) == list(concat(wanted.x, 0)));
    const auto first = grad(loss_of(ranks.rank(), y, x), x, {.create_graph = true});
    nearly_equal(list(first), wanted.first[me]);
    nearly_equal(list(grad(Variable<double>(sum(first * first)), x)), wanted.second[me]);
  }
}

TEST_CASE("all_reduce and all_gather: shapes that differ are refused on all ranks, which can go on") {
  mpi::Communicator ranks(patient);
  const int last = ranks.count() - 1;
  if (last == 0) return;
  const auto x = random_parameter({2, ranks.rank() == last ? 3 : 4}, 1);
  CHECK(
      error_of<ShapeError>([&] { mpi::all_reduce(ranks, x); }) ==
      fmt::format("mpi all_reduce: need the same shape on all ranks; got (2, 4) on rank 0, (2, 3) on rank {}",
                  last));
  CHECK(error_of<ShapeError>([&] { mpi::all_gather(ranks, x); }) ==
        fmt::format(
            "mpi all_gather: need the same shape on all ranks but for the first axis; got (2, 4) on rank 0, "
            "(2, 3) on rank {}",
            last));
  CHECK_FALSE(ranks.any(false));
}
