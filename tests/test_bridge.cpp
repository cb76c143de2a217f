#include "unroll/layers/bridge.hpp"

#include "cell_checks.hpp"
#include "unroll/layers/lstm.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

constexpr int layers = 2, directions = 2;
constexpr index_t B = 3;

/// s_k of sequence b for the member m of M: tanh(W_k [forward; backward] + b_k), on plain numbers.
Vec plain_bridge(const std::vector<V>& parameters, const std::vector<V>& final_members, int layer,
                 std::size_t m, index_t b) {
  Vec both;
  for (int d = 0; d < directions; ++d)
    for (const double x : list(select(select(final_members[m], 0, layer * directions + d), 0, b)))
      both.push_back(x);
  const std::size_t map = static_cast<std::size_t>(layer) * final_members.size() + m;
  Vec s = affine(parameters[2 * map], both, parameters[2 * map + 1]);  // weight, bias, weight, bias, …
  for (double& x : s) x = std::tanh(x);
  return s;
}

/// All layers, members and sequences of `first` equal the plain numbers.
void equals_plain(const Bridge<double>& bridge, const std::vector<V>& final_members) {
  const std::vector<V> first = bridge(final_members), parameters = leaves(bridge);
  REQUIRE(first.size() == layers * final_members.size());
  for (int k = 0; k < layers; ++k)
    for (std::size_t m = 0; m < final_members.size(); ++m)
      for (index_t b = 0; b < B; ++b) {
        const V& s = first[static_cast<std::size_t>(k) * final_members.size() + m];
        // A dozen roundings of numbers of order 1.
        CHECK(distance(list(select(s, 0, b)), plain_bridge(parameters, final_members, k, m, b)) < 1e-14);
      }
}

}  // namespace

TEST_CASE("bridge: each member of each layer is tanh(W [forward; backward] + b), whatever their sizes") {
  Generator rng(1);
  const Bridge<double> bridge(layers, directions, {2, 3}, {4, 5}, rng);
  scatter(bridge, 2);
  CHECK(names(bridge) ==
        "maps.0.weight(4, 4) maps.0.bias(4,) maps.1.weight(5, 6) maps.1.bias(5,) "
        "maps.2.weight(4, 4) maps.2.bias(4,) maps.3.weight(5, 6) maps.3.bias(5,)");
  equals_plain(bridge, {random_parameter({layers * directions, B, 2}, 3),
                        random_parameter({layers * directions, B, 3}, 4)});
}

TEST_CASE("bridge: of sequences of several lengths it takes each one's own final states h and c") {
  Generator rng(1);
  const Recurrent<LstmCell<double>> encoder(2, 3, {.num_layers = layers, .bidirectional = true}, rng);
  const Bridge<double> bridge(layers, directions, {3, 3}, {4, 4}, rng);
  scatter(encoder, 2), scatter(bridge, 3);
  const V x = random_parameter({4, B, 2}, 5);
  const Indices lengths = {2, 4, 1};
  const std::vector<V> ragged = members(encoder(x, {.lengths = lengths}).state);
  equals_plain(bridge, ragged);
  const std::vector<V> together = bridge(ragged);
  for (index_t b = 0; b < B; ++b) {
    const V alone = slice(slice(x, 1, b, b + 1), 0, 0, lengths[b]);
    const std::vector<V> first = bridge(members(encoder(alone).state));
    for (std::size_t k = 0; k < first.size(); ++k)
      CHECK(distance(list(select(together[k], 0, b)), list(first[k])) < 1e-14);  // sums in another order
  }
}

TEST_CASE("bridge: layers, directions and sizes out of range are refused before memory is taken") {
  const std::vector<index_t> one = {3}, wild = {std::numeric_limits<index_t>::max()};
  CHECK_THROWS_AS(Bridge<double>(std::numeric_limits<int>::max(), 1, one, one), UsageError);
  CHECK_THROWS_AS(Bridge<double>(0, 1, one, one), UsageError);
  CHECK_THROWS_AS(Bridge<double>(1, 3, one, one), UsageError);
  CHECK_THROWS_AS(Bridge<double>(1, 2, wild, one), ShapeError);
}
