#include "unroll/autograd/gather.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

TEST_CASE("gather: slices along each axis, in the order of the indices") {
  const auto x = values({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(list(gather(x, {1, 0, 1})) == std::vector<double>{4, 5, 6, 1, 2, 3, 4, 5, 6});
  CHECK(list(gather(x, {2, 0}, 1)) == std::vector<double>{3, 1, 6, 4});
  const Variable y = gather(x, Indices(Shape{2, 2}, {0, 1, 2, 2}), -1);
  CHECK(y.shape() == Shape{2, 2, 2});
  CHECK(list(y) == std::vector<double>{1, 2, 3, 3, 4, 5, 6, 6});
  CHECK(list(gather(x, Indices(Shape{}, {1}))) == std::vector<double>{4, 5, 6});
  CHECK(gather(x, Indices()).shape() == Shape{0, 3});
}

TEST_CASE("gather: equal to a product with one_hot, as is its gradient") {
  const auto x = random_parameter({5, 3}, 1), seed = random_parameter({4, 3}, 2);
  const Indices i{4, 0, 4, 2};
  gather(x, i).backward(seed);
  const std::vector<double> g = gradient_list(x);
  x.tensor()->grad_state = detail::GradState::none;
  const auto hot = one_hot<double>(i, 5);
  const Variable<double> y = linear(hot, transpose(x));
  CHECK(list(y) == list(gather(x, i)));
  y.backward(seed);
  CHECK(distance(gradient_list(x), g) < 1e-15);  // sums of two numbers in another order
}

TEST_CASE("scatter_add: adds slices to zeros") {
  const auto x = values({3, 2}, {1, 2, 3, 4, 5, 6});
  CHECK(list(scatter_add(x, {1, 3, 1}, 4)) == std::vector<double>{0, 0, 6, 8, 0, 0, 3, 4});
  CHECK(list(scatter_add(x, {0, 0}, 1, 1)) == std::vector<double>{3, 7, 11});
  CHECK(scatter_add(x, Indices(Shape{3, 2}, {0, 1, 0, 1, 0, 1}), 2).shape() == Shape{2});
  CHECK(scatter_add(x, Indices(Shape{}, {1}), 2, -1).shape() == Shape{3, 2, 2});
}

TEST_CASE("gather, scatter_add: gradients of first and second order, with repeated indices") {
  const auto x = random_parameter({2, 3, 4}, 3);
  for (int axis : {0, 1, 2, -1}) {
    const Indices i = Indices(Shape{2, 2}, {1, 0, 1, 1});
    const auto op = [&](const auto& in) { return gather(in[0], i, axis); };
    gradcheck(op, {x});
    gradgradcheck([&](const auto& in) { return op(in) * op(in); }, {x});
    const auto inverse = [&](const auto& in) { return scatter_add(in[0], {2, 0, 2}, 3, 1); };
    gradcheck(inverse, {x});
    gradgradcheck([&](const auto& in) { return inverse(in) * inverse(in); }, {x});
  }
  gradcheck([](const auto& in) { return gather(slice(in[0], 2, 1, 3), {0, 1, 1}, 1); }, {x});
}

TEST_CASE("embedding: rows of the table; the padding row gets no gradient") {
  const auto table = random_parameter({4, 3}, 4);
  const Indices tokens(Shape{2, 2}, {1, 3, 1, 0});
  const Variable y = embedding(table, tokens, 1);
  CHECK(y.shape() == Shape{2, 2, 3});
  CHECK(list(y) == list(gather(table, tokens)));
  y.backward(Variable<double>({2, 2, 3}, 1.0));
  CHECK(gradient_list(table) == std::vector<double>{1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1});
  const Variable g = grad<double>({embedding(table, tokens, 1)}, {table}, {.create_graph = true},
                                  {Variable<double>({2, 2, 3}, 1.0)})[0];
  CHECK(list(g) == gradient_list(table));
  const auto op = [&](const auto& in) { return embedding(in[0], tokens); };
  gradcheck(op, {table});
  gradgradcheck([&](const auto& in) { return op(in) * op(in); }, {table});
}

TEST_CASE("embedding: uses of one table add up") {
  const auto table = random_parameter<float>({3, 20}, 5);
  const Variable<float> loss = sum(embedding(table, {0, 1}) + embedding(table, {1, 1}));
  loss.backward();
  const std::vector<double> g = gradient_list(table);
  for (std::size_t j = 0; j < 20; ++j) {
    CHECK(g[j] == 1);
    CHECK(g[20 + j] == 3);
    CHECK(g[40 + j] == 0);
  }
}

TEST_CASE("one_hot: 1 at the index, under the shape of the indices") {
  const auto y = one_hot<float>(Indices(Shape{2, 1}, {2, 0}), 3);
  CHECK(y.shape() == Shape{2, 1, 3});
  CHECK(list(y) == std::vector<double>{0, 0, 1, 1, 0, 0});
  CHECK_FALSE(y.requires_grad());
}

TEST_CASE("gather: takes expressions; wrong indices, axes and shapes are named before anything is done") {
  const auto x = random_parameter({2, 3}, 6);
  CHECK(list(gather(x * 1.0, {1})) == list(gather(x, {1})));
  CHECK(list(embedding(x * 1.0, {1})) == list(gather(x, {1})));
  CHECK(list(scatter_add(x * 1.0, {1, 1}, 2)) == list(scatter_add(x, {1, 1}, 2)));
  CHECK(message_of<IndexError>([&] {
          gather(x, {0, 2});
        }) == "gather: index 2 at position 1 is outside [0, 2)");
  CHECK(message_of<IndexError>([&] {
          embedding(x, Indices(Shape{1, 2}, {0, -1}));
        }) == "embedding: index -1 at position (0, 1) is outside [0, 2)");
  CHECK(message_of<IndexError>([&] { embedding(x, {0}, 2); }) == "embedding: padding 2 is outside [0, 2)");
  CHECK(message_of<IndexError>([&] { one_hot<float>({3}, 3); }) ==
        "one_hot: index 3 at position 0 is outside [0, 3)");
  CHECK_THROWS_AS(gather(x, {0}, 2), IndexError);
  CHECK_THROWS_AS(gather(Variable<double>(1.0), {0}), IndexError);
  CHECK_THROWS_AS(gather(x, Indices(Shape{1, 1, 1, 1, 1}, {0})), ShapeError);
  CHECK(message_of<ShapeError>([&] { embedding(reshape(x, {6}), {0}); }) ==
        "embedding: need weight (V, E); got (6,)");
  CHECK(message_of<ShapeError>([&] { scatter_add(x, {0}, 2); }) ==
        "scatter_add: need the axes (1,) of the indices at axis 0 of x; got x (2, 3)");
  CHECK_THROWS_AS(scatter_add(x, {0, 2}, 2), IndexError);
  CHECK_THROWS_AS(scatter_add(x, {0, 0}, -1), ShapeError);
  CHECK_THROWS_AS(one_hot<float>({0}, -1), ShapeError);
  CHECK_THROWS_AS(embedding(Variable<double>(), {0}), UsageError);
}
