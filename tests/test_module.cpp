#include "unroll/layers/module.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/dropout.hpp"
#include "unroll/layers/embedding.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/summary.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

struct Namesakes {
  Linear<float> a{2, 3}, b{2, 3};
  Variable<float> mean{Shape{3}, 0.F};
  void visit(auto&& v) { v("a", a), v("a", b), v("a.bias", buffer(mean)); }
};

template <class T>
struct Model {
  using value_type = T;
  Embedding<T> embedding;
  Lstm<T> lstm;
  std::vector<Linear<T>> blocks;
  Linear<T> decoder;
  Dropout<T> dropout;

  explicit Model(Generator& rng)
      : embedding(6, 4, {}, rng),
        lstm(4, 4, {}, rng),
        blocks{{4, 4, {}, rng}, {4, 4, {.bias = false}, rng}},
        decoder(4, 6, {}, rng),
        dropout(0.5, rng) {}

  template <class V>
  void visit(V&& v) {
    v("embedding", embedding), v("lstm", lstm), v("blocks", blocks), v("decoder", decoder),
        v("dropout", dropout);
  }
};

Model<double> model(std::uint64_t seed = 1) {
  Generator rng(seed);
  return Model<double>(rng);
}

template <class List>
std::vector<std::string> names(const List& parameters) {
  std::vector<std::string> result;
  for (const auto& p : parameters) result.push_back(p.name);
  return result;
}

// float is the default number type.
struct Plain {
  Variable<float> w = Variable<float>({2}, 1.0f).requires_grad(true);
  std::uint64_t steps = 0;
  template <class V>
  void visit(V&& v) {
    v("w", w), v("steps", steps);
  }
};

struct NotAModule {};
static_assert(Module<Plain> && Module<Model<double>> && Module<Lstm<float>>);
static_assert(!Module<NotAModule> && !Module<Variable<float>> && !Module<std::vector<Plain>>);

}  // namespace

TEST_CASE("module: parameters are named by their path, in order, absent ones left out") {
  CHECK(names(parameters(model())) ==
        std::vector<std::string>{"embedding.weight", "lstm.weight_ih_l0", "lstm.weight_hh_l0",
                                 "lstm.bias_ih_l0", "lstm.bias_hh_l0", "blocks.0.weight", "blocks.0.bias",
                                 "blocks.1.weight", "decoder.weight", "decoder.bias"});
  CHECK(names(parameters(Plain())) == std::vector<std::string>{"w"});
}

TEST_CASE("module: two arrays of one name are refused, one array under a name twice is not") {
  Namesakes pair;
  CHECK(message_of<UsageError>([&] { parameters(pair); }) ==
        "parameters: visit() gives the name \"a.weight\" twice");
  pair.b.weight = pair.a.weight, pair.b.bias = pair.a.bias;
  CHECK(message_of<UsageError>([&] { parameters(pair); }) ==
        "parameters: visit() gives the name \"a.bias\" twice");
  pair.mean = {};
  CHECK(parameters(pair).size() == 2);
}

TEST_CASE("module: variables keep the longest name") {
  const auto m = model();
  parameters(m.lstm);
  CHECK(m.decoder.weight.name() == "");
  parameters(m);
  parameters(m.decoder);
  CHECK(m.decoder.weight.name() == "decoder.weight");
  CHECK(parameters(m.lstm)[0].variable.name() == "lstm.weight_ih_l0");
  CHECK(parameters(m.lstm)[0].name == "weight_ih_l0");
}

TEST_CASE("module: a tied parameter is listed and counted once") {
  auto m = model();
  const index_t before = count_parameters(m);
  m.decoder.weight = m.embedding.weight;
  const auto all = names(parameters(m));
  CHECK(std::count(all.begin(), all.end(), "decoder.weight") == 0);
  CHECK(count_parameters(m) == before - 24);
}

TEST_CASE("module: groups are picked by prefix or by a condition") {
  const auto m = model();
  CHECK(names(parameters(m, "blocks")) ==
        std::vector<std::string>{"blocks.0.weight", "blocks.0.bias", "blocks.1.weight"});
  CHECK(names(parameters(m, "blocks.1.weight")).size() == 1);
  CHECK(parameters(m, "").size() == parameters(m).size());
  const auto is_bias = [](std::string_view name) { return name.find("bias") != name.npos; };
  CHECK(parameters(m, is_bias).size() == 4);
  CHECK_THROWS_WITH_AS(parameters(Plain(), "v"),
                       "parameters: none is called or lies below \"v\"; there are: w", UsageError);
  CHECK_THROWS_AS(parameters(m, "block"), UsageError);  // a part of a name is not a prefix
}

TEST_CASE("module: parameters of several modules are one list, what they share once") {
  Generator rng(1);
  const Linear<double> a(2, 3, {}, rng);
  Linear<double> b(2, 3, {.bias = false}, rng);
  const Linear<double> c(3, 1, {}, rng);
  b.weight = a.weight;
  const auto all = parameters(a, b, c);
  CHECK(names(all) == std::vector<std::string>{"weight", "bias", "weight", "bias"});
  CHECK(all[0].variable.same_as(a.weight));
  CHECK(all[2].variable.same_as(c.weight));
}

TEST_CASE("module: train and eval reach every member") {
  auto m = model();
  const Variable<double> x({3}, 1.0);
  eval(m);
  CHECK(list(m.dropout(x)) == list(x));
  for (const auto& member : detail::members(m)) {
    if (const auto* flag = std::get_if<bool*>(&member.at)) CHECK_FALSE(**flag);
  }
  train(m);
  m.dropout(x);
  CHECK(m.dropout.key().step == 1);
}

TEST_CASE("module: frozen parameters get no gradient, and unfreezing undoes it") {
  auto m = model();
  const auto run = [&] { sum(m.decoder(m.blocks[0](m.embedding({1, 2})))).backward(); };
  run();
  freeze(m, "blocks");
  CHECK_FALSE(m.blocks[0].weight.has_grad());  // what was there is forgotten
  zero_grad(m);
  run();
  CHECK_FALSE(m.blocks[0].weight.has_grad());
  CHECK(m.decoder.weight.has_grad());
  CHECK(m.embedding.weight.has_grad());
  unfreeze(m);
  run();
  CHECK(m.blocks[0].weight.has_grad());
  zero_grad(m);
  CHECK_FALSE(m.decoder.weight.has_grad());
  CHECK_THROWS_AS(freeze(m, "nothing"), UsageError);
}

TEST_CASE("module: a tied parameter is frozen under each of its names") {
  auto m = model();
  m.decoder.weight = m.embedding.weight;
  freeze(m, "decoder");
  CHECK_FALSE(m.embedding.weight.requires_grad());
  CHECK_FALSE(m.decoder.bias.requires_grad());
  CHECK(m.lstm.cell(0).weight_hh.requires_grad());
  unfreeze(m, "decoder.weight");
  CHECK(m.embedding.weight.requires_grad());
  CHECK_FALSE(m.decoder.bias.requires_grad());
}

TEST_CASE("module: frozen parameters are counted, unless only those that train are asked for") {
  auto m = model();
  const index_t all = count_parameters(m);
  freeze(m, "decoder");
  CHECK(count_parameters(m) == all);
  CHECK(count_parameters(m, {.trainable_only = true}) == all - 30);  // (6, 4) and (6,)
}

TEST_CASE("module: a clone has equal values, and ties, freezing and counters, but memory of its own") {
  auto m = model();
  m.decoder.weight = m.embedding.weight;
  freeze(m, "blocks.1");
  m.dropout(Variable<double>({3}, 1.0));
  parameters(m);
  auto copy = m;
  auto c = clone(m);
  CHECK(copy.lstm.cell(0).weight_hh.same_as(m.lstm.cell(0).weight_hh));
  CHECK_FALSE(c.lstm.cell(0).weight_hh.same_as(m.lstm.cell(0).weight_hh));
  CHECK(c.decoder.weight.same_as(c.embedding.weight));
  CHECK_FALSE(c.blocks[1].weight.requires_grad());
  CHECK(c.blocks[0].weight.requires_grad());
  CHECK(c.blocks[0].weight.name() == "blocks.0.weight");
  CHECK(c.dropout.key().step == 1);
  CHECK(list(c.decoder.weight) == list(m.decoder.weight));
  c.decoder.weight.update([](auto& w) { w.fill(0); });
  CHECK(list(c.embedding.weight)[0] == 0);
  CHECK(list(m.embedding.weight)[0] != 0);
}

TEST_CASE("summary: lists shapes, numbers, multiply-adds and state, tied parameters at each place") {
  auto m = model();
  m.decoder.weight = m.embedding.weight;
  freeze(m, "blocks.1");
  CHECK(summary(m) ==
        "name                      shape            parameters  multiply-adds  state\n"
        "embedding.weight          (6, 4)                   24              0\n"
        "lstm                                                                      8\n"
        "lstm.weight_ih_l0         (16, 4)                  64             64\n"
        "lstm.weight_hh_l0         (16, 4)                  64             64\n"
        "lstm.bias_ih_l0           (16,)                    16              0\n"
        "lstm.bias_hh_l0           (16,)                    16              0\n"
        "blocks.0.weight           (4, 4)                   16             16\n"
        "blocks.0.bias             (4,)                      4              0\n"
        "blocks.1.weight (frozen)  (4, 4)                   16             16\n"
        "decoder.weight            (6, 4)   = embedding.weight             24\n"
        "decoder.bias              (6,)                      6              0\n"
        "total                                             226            184      8\n");
}

namespace {
struct Convolution {
  Variable<float> weight = Variable<float>({2, 3}, 0.0f).requires_grad(true);
  index_t multiply_adds() const { return 600; }
  template <class V>
  void visit(V&& v) {
    v("weight", weight);
  }
};
struct Twice {
  Convolution a, b;
  template <class V>
  void visit(V&& v) {
    v("a", a), v("b", b);
  }
};
}  // namespace

namespace {
struct Heads {
  Variable<float> weight = Variable<float>({5, 2, 3}, 0.0f);
  template <class V>
  void visit(V&& v) {
    v("weight", weight);
  }
};
}  // namespace

TEST_CASE("summary: a batch of matrices for matmul counts all its elements") {
  CHECK(summary(Heads()) ==
        "name             shape      parameters  multiply-adds  state\n"
        "weight (frozen)  (5, 2, 3)          30             30\n"
        "total                               30             30      0\n");
}

TEST_CASE("summary: a module may state its own multiply-adds") {
  CHECK(summary(Twice()) ==
        "name      shape   parameters  multiply-adds  state\n"
        "a                                       600\n"
        "a.weight  (2, 3)           6\n"
        "b                                       600\n"
        "b.weight  (2, 3)           6\n"
        "total                     12           1200      0\n");
}
