#include <doctest/doctest.h>

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/random.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/detail/autograd/gemm/gemm.hpp"

using namespace unroll;
using V = Variable<double>;

namespace {

V random(const Shape& shape, Generator& rng) {
  V v = V::uninitialised(shape);
  for (index_t i = 0; i < v.size(); ++i) v.mutable_data()[i] = rng.uniform(-1, 1);
  return v.requires_grad(true);
}

const Indices tokens(Shape{4, 3}, {0, 1, 2, 2, 0, 1, 1, 1, 0, 2, 2, 2});

}  // namespace

TEST_CASE("linear: over rows of a small table it equals the product of the rows, values and gradients") {
  Generator rng(1);
  const V e = random({3, 5}, rng), w = random({4, 5}, rng), b = random({4}, rng);
  const V by_table = linear(embedding(e, tokens), w, b);
  const V by_rows = linear(V(embedding(e, tokens) * 1.0), w, b);
  for (index_t i = 0; i < by_rows.size(); ++i)  // sums of five products in another order
    CHECK(by_table.data()[i] == doctest::Approx(by_rows.data()[i]).epsilon(1e-14));
  gradcheck([&](const auto&) -> V { return tanh(V(linear(embedding(e, tokens), w, b))); }, {e, w, b});
  gradcheck([&](const auto&) { return linear(embedding(e, tokens), w); }, {e, w});
  gradgradcheck([&](const auto&) -> V { return tanh(V(linear(embedding(e, tokens), w, b))); }, {e, w, b});
}

TEST_CASE("linear: over rows of a small table the product is made for the table alone") {
  Generator rng(2);
  const V e = random({3, 5}, rng), w = random({4, 5}, rng);
  const V x = embedding(e, tokens);
  const auto before = blas::counters().flops;
  const V y = linear(x, w);
  CHECK(blas::counters().flops - before == 2 * 3 * 4 * 5);
}

TEST_CASE("linear: rows of a table that are used twice, watched or asked for get their gradients") {
  Generator rng(3);
  const V e = random({3, 5}, rng), w = random({4, 5}, rng);
  gradcheck(
      [&](const auto&) -> V {
        const V x = embedding(e, tokens);
        return sum(square(V(linear(x, w)))) + sum(x * x);
      },
      {e, w});
  V x = embedding(e, tokens);
  const V y = sum(V(linear(x, w)));
  const V dx = grad(y, x, {.retain_graph = true});
  x.retain_grad();
  y.backward();
  for (index_t i = 0; i < x.size(); ++i) {
    double column = 0;
    for (index_t o = 0; o < 4; ++o) column += w.data()[o * 5 + i % 5];
    CHECK(dx.data()[i] == doctest::Approx(column));
    CHECK(x.tensor()->grad[i] == doctest::Approx(column));
  }
  CHECK(e.has_grad());
}

TEST_CASE("linear: rows looked up before their table changed keep their values") {
  Generator rng(4);
  V e = random({3, 5}, rng);
  const V w = random({4, 5}, rng), x = embedding(e, tokens), expected = linear(x.copy(), w);
  e.update([](auto& v) { v *= 2.0; });
  const V y = linear(x, w);
  for (index_t i = 0; i < y.size(); ++i) CHECK(y.data()[i] == doctest::Approx(expected.data()[i]));
}
