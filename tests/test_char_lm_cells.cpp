#include <set>

#include "char_lm/memory.hpp"
#include "char_lm_program.hpp"
#include "unroll/autograd/error.hpp"

using namespace char_lm_test;
using namespace unroll::char_lm;

namespace {

ModelOptions sizes(const std::string& cell) {
  return {.cell = cell,
          .vocabulary = 30,
          .recurrent = {.input = 20,
                        .hidden = 100,
                        .layers = 3,
                        .dropout = 0,
                        .recurrent_dropout = 0,
                        .zoneout = 0,
                        .zoneout_memory = 0,
                        .variational = false}};
}

/// A run of two steps, or more, of one cell.
Arguments two_steps(const TemporaryFolder& folder, const std::string& out, const Arguments& more) {
  const Arguments arguments = {"--epochs",     "1",  "--batch",          "2",
                               "--seq-length", "10", "--valid-fraction", "0"};
  return training(folder / "text", folder / out, with(arguments, more));
}

auto tensors(const TemporaryFolder& folder, const std::string& run) {
  return unroll::io::load_checkpoint(folder / (run + "/last.safetensors"), "char_lm").tensors;
}

}  // namespace

TEST_CASE("char_lm: --cell takes every cell, and its help and its refusal name them all") {
  const TemporaryFolder folder;
  const auto help = run(folder, {"train", "--help"});
  const auto refused = run(folder, {"train", "--out", folder / "m", "--cell", "none"});
  CHECK(cell_kinds().size() == 51);
  for (const auto& kind : cell_kinds()) {
    CHECK_MESSAGE(contains(refused.err, kind.first), kind.first);
    CHECK_MESSAGE(contains(help.out, kind.first), kind.first);
  }
}

TEST_CASE("char_lm: a cell that forgets nothing learns, since its state starts anew in each window") {
  const TemporaryFolder folder;
  const std::string text = folder / "text", out = folder / "m";
  write(text, story(20000));
  const auto outcome =
      run(folder, training(text, out, {"--cell", "skip", "--dropout", "0", "--epochs", "1"}));
  REQUIRE_MESSAGE(outcome.status == 0, outcome.err);
  const double valid = log_lines(out).back()["valid_loss"];
  CHECK_MESSAGE(valid < 2.5, valid);  // it is 2.3; with a state carried on, 49
  CHECK(!contains(outcome.out, "worse than a uniform"));
  const auto eval = run(folder, {"eval", "--model", out, "--text", text});
  CHECK_MESSAGE(std::stod(eval.out.substr(eval.out.find("nats/char") + 9)) < 2.5, eval.out);
}

TEST_CASE("char_lm: every cell trains two steps, saves, goes on as if never stopped, and writes") {
  const TemporaryFolder folder;
  write(folder / "text", story(42));
  for (const auto& kind : cell_kinds()) {
    const std::string& name = kind.first;
    CAPTURE(name);
    const auto parts = name + ".parts", whole = name + ".whole";
    const auto first = run(folder, two_steps(folder, parts, {"--cell", name}));
    REQUIRE_MESSAGE(first.status == 0, first.err);
    CHECK(contains(first.out, "complete after 2 steps"));
    CHECK(contains(first.out, "\n" + name + "."));
    CHECK(run(folder, {"train", "--out", folder / parts, "--resume", "--epochs", "2"}).status == 0);
    REQUIRE(run(folder, two_steps(folder, whole, {"--cell", name, "--epochs", "2"})).status == 0);
    const auto a = tensors(folder, parts), b = tensors(folder, whole);
    CHECK(a.names() == b.names());
    for (const auto& tensor : a) CHECK_MESSAGE(b.at(tensor.first) == tensor.second, tensor.first);
    const auto sample = run(folder, {"sample", "--model", folder / parts, "--length", "20"});
    CHECK_MESSAGE(sample.status == 0, sample.err);
  }
}

TEST_CASE("char_lm: noise on the state changes training, is saved, and does not touch evaluation") {
  const TemporaryFolder folder;
  write(folder / "text", story(60));
  std::set<std::string> seen;
  for (const Arguments& noise : std::vector<Arguments>{{},
                                                       {"--recurrent-dropout", "0.5"},
                                                       {"--zoneout", "0.5"},
                                                       {"--zoneout-memory", "0.5"},
                                                       {"--dropout", "0.5"},
                                                       {"--dropout", "0.5", "--variational"}}) {
    const auto name = "m" + std::to_string(seen.size());
    REQUIRE(run(folder, two_steps(folder, name, noise)).status == 0);
    REQUIRE(run(folder, {"train", "--out", folder / name, "--resume", "--epochs", "2"}).status == 0);
    const auto weights = tensors(folder, name).at("model.lstm.weight_hh_l0").bytes;
    seen.insert({reinterpret_cast<const char*>(weights.data()), weights.size()});
    const Arguments eval = {"eval", "--model", folder / name, "--text", folder / "text"};
    CHECK(run(folder, eval).out == run(folder, eval).out);
  }
  CHECK(seen.size() == 6);
}

TEST_CASE("memory: the weights are estimated from below, closely, for every cell") {
  for (const auto& kind : cell_kinds()) {
    const std::string& name = kind.first;
    unroll::Generator rng(1);
    const auto actual = static_cast<double>(unroll::count_parameters(LanguageModel(sizes(name), rng)));
    CAPTURE(name);
    CHECK(count_weights(sizes(name)) <= actual);
    CHECK(count_weights(sizes(name)) >= 0.93 * actual);  // biases, gains and peepholes: few per weight
  }
}

TEST_CASE("memory: weight, gradient and the optimiser's numbers, and one window, count four bytes each") {
  const ModelOptions options = sizes("lstm");
  const double weights = 30 * 120 + 100 * (4 * (20 + 200) + 3 * 4 * 100);
  CHECK(count_weights(options) == weights);
  CHECK(least_memory(options, "sgd", 0) == 8 * weights);
  CHECK(least_memory(options, "rmsprop", 0) == 12 * weights);
  CHECK(least_memory(options, "adam", 0) == 16 * weights);
  CHECK(least_memory(options, "sgd", 1000) == 8 * weights + 4000.0 * (3 * 400 + 30));
}

TEST_CASE("memory: sizes that no machine can hold are refused, whatever the numbers") {
  TrainOptions options;
  ModelOptions model = sizes("lstm");
  CHECK_NOTHROW(check_memory(options, model, 2500));
  model.recurrent.hidden = options.hidden = 1'000'000'000;
  CHECK_THROWS_AS(check_memory(options, model, 2500), unroll::UsageError);
  model = sizes("lstm");
  CHECK_THROWS_AS(check_memory(options, model, std::int64_t{1} << 50), unroll::UsageError);
}
