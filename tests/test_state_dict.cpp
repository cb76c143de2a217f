#include "unroll/train/state_dict.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "optim_helpers.hpp"
#include "temporary_folder.hpp"
#include "unroll/io/safetensors.hpp"
#include "unroll/layers/dropout.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/optim/adam.hpp"
#include "unroll/optim/schedule.hpp"
#include "unroll/optim/sgd.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

template <class T>
struct Model {
  using value_type = T;
  Linear<T> encoder, decoder;
  Dropout<T> dropout;
  std::uint64_t steps = 0;

  explicit Model(std::uint64_t seed) {
    Generator rng(seed);
    encoder = {2, 3, {}, rng}, decoder = {2, 3, {.bias = false}, rng};
    dropout = Dropout<T>(0.5, rng);
  }
  template <class V>
  void visit(V&& v) {
    v("encoder", encoder), v("decoder", decoder), v("dropout", dropout), v("steps", steps);
  }
};

io::TensorFile saved(const Model<double>& model, const StateOptions& options = {}) {
  io::TensorFile file("model.safetensors");
  save_state(model, file, options);
  return file;
}

bool equal(const Model<double>& a, const Model<double>& b) {
  const auto pa = parameters(a), pb = parameters(b);
  for (std::size_t k = 0; k < pa.size(); ++k)
    if (list(pa[k].variable) != list(pb[k].variable)) return false;
  return pa.size() == pb.size();
}

io::TensorFile without(const io::TensorFile& file, const std::string& name) {
  io::TensorFile rest(file.source());
  for (const auto& [key, tensor] : file)
    if (key != name) rest.add_bytes(key, tensor);
  return rest;
}

}  // namespace

TEST_CASE("state: a model comes back from a file, with counters and random keys") {
  Model<double> a(1), b(2);
  a.steps = 7;
  a.dropout(Variable<double>({2}, 1.0));
  const TemporaryFolder folder;
  io::write_safetensors(folder / "model.safetensors", saved(a));
  const auto versions = b.encoder.weight.version();
  load_state(b, io::read_safetensors(folder / "model.safetensors"));
  CHECK(equal(a, b));
  CHECK(b.steps == 7);
  CHECK(b.dropout.key().step == 1);
  CHECK(b.dropout.key().seed == a.dropout.key().seed);
  CHECK(b.encoder.weight.version() > versions);
}

TEST_CASE("state: names are those of the parameters, under a prefix") {
  const Model<double> a(1);
  CHECK(saved(a, {.prefix = "model"}).names() ==
        std::vector<std::string>{"model.decoder.weight", "model.dropout.key", "model.encoder.bias",
                                 "model.encoder.weight", "model.steps"});
  const auto weights = saved(a, {.parameters_only = true});
  CHECK(weights.names() == std::vector<std::string>{"decoder.weight", "encoder.bias", "encoder.weight"});
  Model<double> b(2);
  b.steps = 9;
  load_state(b, weights, {.parameters_only = true});
  CHECK(equal(a, b));
  CHECK(b.steps == 9);
  load_state(b, saved(a), {.parameters_only = true});  // keys are not unexpected
  CHECK(b.steps == 9);
}

TEST_CASE("state: what is outside the prefix is left alone") {
  const Model<double> a(1);
  Model<double> b(2);
  auto file = saved(a, {.prefix = "model"});
  file.add<double>("models.other", {1}, std::vector{1.0});
  load_state(b, file, {.prefix = "model"});
  CHECK(equal(a, b));
}

TEST_CASE("state: a file that does not fit is described, and changes nothing") {
  Model<double> b(2), unchanged(2);
  auto file = without(without(saved(Model<double>(1)), "encoder.weight"), "encoder.bias");
  file.add<double>("encoder.weight", {4, 2}, std::vector(8, 1.0));
  file.add<double>("lstm.weight", {1}, std::vector{1.0});
  CHECK_THROWS_WITH_AS(load_state(b, file),
                       "model.safetensors: does not fit the model: missing: encoder.bias; unexpected: "
                       "lstm.weight; of another shape: encoder.weight is (4, 2), not (3, 2)",
                       DataError);
  auto integers = without(saved(Model<double>(1)), "encoder.bias");
  integers.add<std::int64_t>("encoder.bias", {3}, std::vector<std::int64_t>(3, 1));
  CHECK_THROWS_AS(load_state(b, integers), DataError);
  CHECK(equal(b, unchanged));
}

TEST_CASE("state: names out of a file are quoted and cut in messages, and so is a long list of them") {
  Model<double> model(1);
  auto file = saved(model);
  file.add<double>("\x1b[31m\n" + std::string(5000, 'y'), {1}, std::vector{1.0});
  CHECK_THROWS_WITH_AS(load_state(model, file),
                       ("model.safetensors: does not fit the model: unexpected: \"\\x1b[31m\\n" +
                        std::string(54, 'y') + "\"...")
                           .c_str(),
                       DataError);
  auto many = saved(model);
  for (int k = 0; k < 1000; ++k) many.add<double>("zz" + std::to_string(1000 + k), {1}, std::vector{1.0});
  CHECK_THROWS_WITH_AS(load_state(model, many), doctest::Contains("zz1000, zz1001, "), DataError);
  CHECK_THROWS_WITH_AS(load_state(model, many), doctest::Contains(", zz1019 and 980 more"), DataError);
}

TEST_CASE("state: numbers that are no random key are refused") {
  Dropout<double> dropout(0.5);
  io::TensorFile file("model.safetensors");
  save_state(dropout, file);
  const std::string name = file.names().front();
  const auto loaded = [&](std::vector<std::uint64_t> key) {
    io::TensorFile other("model.safetensors");
    other.add<std::uint64_t>(name, {4}, key);
    return tests::message_of<DataError>([&] { load_state(dropout, other); });
  };
  CHECK(loaded({~0ULL, ~0ULL, 0xFFFFFFFF, 7}) == "nothing thrown");
  for (const auto& key :
       std::vector<std::vector<std::uint64_t>>{{0, 0, 1ULL << 32, 0}, {0, 0, 0, 1ULL << 63}})
    CHECK(loaded(key) == "model.safetensors: " + name + " holds numbers that are no random key");
}

TEST_CASE("state: float and double models exchange weights") {
  Model<float> a(1);
  Model<double> b(2);
  io::TensorFile file;
  save_state(a, file);
  load_state(b, file);
  CHECK(list(a.encoder.weight) == list(b.encoder.weight));
}

TEST_CASE("state: a tied parameter is saved once and found under any of its names") {
  Model<double> a(1), b(2), c(3);
  a.decoder.weight = a.encoder.weight;
  b.decoder.weight = b.encoder.weight;
  const auto once = saved(a, {.parameters_only = true});
  CHECK(once.names() == std::vector<std::string>{"encoder.bias", "encoder.weight"});
  load_state(b, once, {.parameters_only = true});
  CHECK(equal(a, b));
  auto other_name = without(once, "encoder.weight");
  other_name.add_bytes("decoder.weight", once.at("encoder.weight"));
  Model<double> d(4);
  d.decoder.weight = d.encoder.weight;
  load_state(d, other_name, {.parameters_only = true});
  CHECK(equal(a, d));
  CHECK_THROWS_WITH_AS(
      load_state(d, saved(c)),
      "model.safetensors: encoder.weight and decoder.weight are one parameter in the model, and "
      "differ here",
      DataError);
}

TEST_CASE("state: an optimiser comes back from a file and continues to the bit") {
  const auto p = row({1, 2}), q = row({1, 2});
  Adam<double> a(std::vector{p}, {.lr = 0.1}), b(std::vector{q}, {.lr = 0.2});
  set_grad(p, {0.5, -1});
  a.step();
  a.set_lr(0.05);
  io::TensorFile file("run.safetensors");
  save_state(a, file);
  CHECK(file.names() == std::vector<std::string>{"optimizer.0.exp_avg", "optimizer.0.exp_avg_sq",
                                                 "optimizer.0.step", "optimizer.lr"});
  load_state(b, io::parse_safetensors(io::serialise_safetensors(file)));
  q.detach();
  Variable<double> weights = q;
  weights.update([&](auto& w) { w = p.value(); });
  set_grad(p, {1, 1}), set_grad(q, {1, 1});
  a.step(), b.step();
  CHECK(list(p) == list(q));
  CHECK(b.lr() == 0.05);
}

TEST_CASE("state: a schedule comes back from a file and continues exactly") {
  const auto p = row({1, 2});
  Sgd<double> a(std::vector{p}, {.lr = 0.4}), b(std::vector{p}, {.lr = 7});
  Scheduler<double> one(a, cosine(10)), two(b, cosine(10));
  one.step(), one.step(), one.step();
  io::TensorFile file("run.safetensors");
  save_state(one, file);
  CHECK(file.names() == std::vector<std::string>{"scheduler.base", "scheduler.step"});
  load_state(two, io::parse_safetensors(io::serialise_safetensors(file)));
  CHECK(b.lr() == a.lr());
  one.step(), two.step();
  CHECK(b.lr() == a.lr());
  b.add_group(std::vector{row({3})});
  Scheduler<double> of_two_groups(b, cosine(10));
  CHECK_THROWS_WITH_AS(load_state(of_two_groups, file),
                       "run.safetensors: scheduler: the state has 1 groups; the optimiser has 2", DataError);
}

TEST_CASE("state: reduction on a plateau comes back from a file and continues exactly") {
  const auto p = row({1, 2});
  Sgd<double> a(std::vector{p}, {.lr = 1}), b(std::vector{p}, {.lr = 1});
  const PlateauOptions options{.factor = 0.5, .patience = 2, .cooldown = 1};
  ReduceOnPlateau<double> one(a, options), two(b, options);
  io::TensorFile fresh("fresh.safetensors"), file("run.safetensors");
  save_state(one, fresh, "best at first");  // infinite
  load_state(two, fresh, "best at first");
  for (const double loss : {3.0, 2.0, 2.5, 2.5}) one.observe(loss);
  save_state(one, file);
  load_state(two, io::parse_safetensors(io::serialise_safetensors(file)));
  for (const double loss : {2.5, 2.0, 2.0, 2.0, 2.0, 1.0}) CHECK(one.observe(loss) == two.observe(loss));
  CHECK(a.lr() == b.lr());
  CHECK(a.lr() < 1);
  CHECK_THROWS_AS(load_state(two, io::TensorFile("empty.safetensors")), DataError);
  io::TensorFile broken("broken.safetensors");
  broken.add<double>("plateau.best", {}, std::vector{std::nan("")});
  broken.add<std::uint64_t>("plateau.stalled", {}, std::vector<std::uint64_t>{0});
  broken.add<std::uint64_t>("plateau.cooldown", {}, std::vector<std::uint64_t>{0});
  CHECK_THROWS_WITH_AS(load_state(two, broken),
                       "broken.safetensors: reduce_on_plateau: the state's best loss is NaN", DataError);
}

TEST_CASE("state: a generator goes on from where it was saved") {
  Generator a(7), b(8);
  for (int i = 0; i < 5; ++i) a();  // in the middle of a block of four
  io::TensorFile file("run.safetensors");
  save_state(a, file, "shuffle");
  CHECK(file.names() == std::vector<std::string>{"shuffle"});
  load_state(b, io::parse_safetensors(io::serialise_safetensors(file)), "shuffle");
  CHECK(b.state() == a.state());
  for (int i = 0; i < 9; ++i) CHECK(a() == b());
  io::TensorFile wrong("wrong.safetensors");
  wrong.add<std::uint64_t>("shuffle", {1}, std::vector<std::uint64_t>{3});
  const Generator::State before = b.state();
  CHECK_THROWS_WITH_AS(load_state(b, wrong, "shuffle"), "wrong.safetensors: need 2 numbers in shuffle; got 1",
                       DataError);
  CHECK(b.state() == before);
}

TEST_CASE("state: an optimiser's file that does not fit is an error with the file's name") {
  const auto p = row({1, 2});
  Adam<double> adam(std::vector{p});
  Sgd<double> sgd(std::vector{p});
  set_grad(p, {1, 1});
  adam.step();
  io::TensorFile file("run.safetensors");
  save_state(adam, file);
  CHECK_THROWS_WITH_AS(
      load_state(sgd, file),
      "run.safetensors: sgd: the state's \"0.exp_avg\" belongs to other options or another rule", DataError);
  CHECK_THROWS_AS(load_state(sgd, io::TensorFile("empty.safetensors")), DataError);
}

TEST_CASE("state: an array that no optimiser has is an error with its name, made printable, and its shape") {
  Adam<double> adam(std::vector{row({1, 2})});
  const auto error = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    io::TensorFile file("run.safetensors");
    save_state(adam, file);
    file.add<double>("optimizer." + name, shape, std::vector<double>{1});
    return message_of<DataError>([&] { load_state(adam, file); });
  };
  CHECK(error("0.\x1b[31m", {1}) == "run.safetensors: \"optimizer.0.\\x1b[31m\" is nothing of an optimiser");
  const std::vector<std::int64_t> axes(Shape::max_rank + 1, 1);
  CHECK(error("0.exp_avg", axes).starts_with("run.safetensors: optimizer.0.exp_avg has the shape (1, 1, "));
}
