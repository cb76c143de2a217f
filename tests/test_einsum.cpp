#include "unroll/autograd/einsum.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/matmul.hpp"

using namespace unroll;
using namespace unroll::tests;

TEST_CASE("einsum: the products it stands for") {
  const auto a = random_parameter({2, 3, 4}, 1), b = random_parameter({2, 4, 5}, 2),
             c = random_parameter({4, 5}, 3);
  CHECK(list(einsum("bik,bkj->bij", a, b)) == list(matmul(a, b)));
  CHECK(distance(list(einsum("bik,kj", a, c)), list(matmul(a, c))) < 1e-15);
  CHECK(list(einsum("bik,bkj->bij", a * 1.0, b)) == list(matmul(a, b)));
  CHECK(list(einsum("bik,bkj->bij", a, b * 1.0)) == list(matmul(a, b)));
  CHECK(list(outer(row({1, 2}), row({3, 4, 5}))) == std::vector<double>{3, 4, 5, 6, 8, 10});
  CHECK(list(outer(row({1, 2}) * 2.0, row({3}))) == std::vector<double>{6, 12});
}

TEST_CASE("einsum: a long float inner product of vectors and of rows") {
  constexpr index_t n = 10'000'000;
  const Variable<float> x({n}, 0.1f), rows({2, n / 2}, 0.1f);
  const double square = static_cast<double>(0.1f) * static_cast<double>(0.1f);
  CHECK(einsum("i,i->", x, x).item() == doctest::Approx(static_cast<double>(n) * square).epsilon(1e-6));
  CHECK(einsum("bi,bi->b", rows, rows).data()[1] ==
        doctest::Approx(static_cast<double>(n) * square / 2).epsilon(1e-6));
}

TEST_CASE("einsum: mistakes name the equation, the letter and the shapes") {
  const Variable<double> a({2, 3}, 1.0), b({4, 5}, 1.0);
  CHECK(message_of<ShapeError>([&] { einsum("ij,jk->ik", a, b); }) ==
        "einsum: letter j of \"ij,jk->ik\" has extent 3 in (2, 3) and 4 in (4, 5)");
  CHECK(message_of<UsageError>([&] { einsum("ii,jk->ik", a, b); }) ==
        "einsum: \"ii,jk->ik\" repeats letter i in operand 1; name each of its axes by another letter");
  CHECK(message_of<UsageError>([&] { einsum("...i,jk", a, b); }) ==
        "einsum: \"...i,jk\" has '.' among its letters; write letters, one comma and at most one ->");
  CHECK_THROWS_AS(einsum("ij,jk->iz", a, b), UsageError);
}
