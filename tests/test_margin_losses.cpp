#include "unroll/autograd/margin_losses.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

}  // namespace

TEST_CASE("hinge_loss: values, reductions, slope 0 from the margin on") {
  const auto x = row({0.5, 0.5, 1, -3}), t = row({1, -1, 1, 1});
  CHECK(list(hinge_loss(x, t, {.reduction = Reduction::none})) == std::vector<double>{0.5, 1.5, 0, 4});
  CHECK(hinge_loss(x, t, {.reduction = Reduction::sum}).item() == 6);
  const V mean = hinge_loss(x, t);
  CHECK(mean.item() == 1.5);
  CHECK(list(grad(mean, x)) == std::vector<double>{-0.25, 0.25, 0, -0.25});
  CHECK(hinge_loss(x * 1.0, t * 1.0).item() == 1.5);
}

TEST_CASE("hinge_loss: what is masked has no part, whatever its target") {
  const auto x = row({0.5, std::nan("")}), t = row({1, 7});
  const V loss = hinge_loss(x, t, {.mask = row({1, 0}).detach()});
  CHECK(loss.item() == 0.5);
  CHECK(list(grad(loss, x)) == std::vector<double>{-1, 0});
  CHECK(message_of<UsageError>([&] { hinge_loss(x, t); }) == "hinge_loss: a target must be 1 or -1; got 7");
}

TEST_CASE("cosine_embedding_loss: values of equal, orthogonal and opposite vectors, whatever their length") {
  const auto a = values({4, 2}, {1, 0, 2e200, 0, 1e-5, 0, 0, 0}),
             b = values({4, 2}, {5, 0, 0, 3, -7, 0, 1, 1});
  const auto same = row({1, 1, 1, 1}), apart = row({-1, -1, -1, -1});
  const auto each = [&](const V& t, double margin) {
    return list(cosine_embedding_loss(a, b, t, {.margin = margin, .reduction = Reduction::none}));
  };
  CHECK(distance(each(same, 0), {0, 1, 2, 1}) < 1e-15);  // one rounding
  CHECK(distance(each(apart, 0), {1, 0, 0, 0}) < 1e-15);
  CHECK(distance(each(apart, -0.5), {1.5, 0.5, 0, 0.5}) < 1e-15);
  CHECK(cosine_embedding_loss(a, b, same).item() == doctest::Approx(1).epsilon(1e-15));
  CHECK(cosine_embedding_loss(a * 1.0, b * 1.0, same).item() == cosine_embedding_loss(a, b, same).item());
}
