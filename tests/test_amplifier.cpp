#include "amplifier/amplifier.hpp"

#include <cmath>

#include "amplifier/circuit.hpp"
#include "program.hpp"
#include "unroll/layers/real_time_stream.hpp"

using namespace unroll;
using namespace unroll::amplifier;
using program_test::contains;
using program_test::Outcome;
using program_test::run;

namespace {

struct Pair {
  TemporaryFolder folder;
  std::string input = folder / "in.wav", target = folder / "out.wav", model = folder / "m.safetensors";

  explicit Pair(double seconds) {
    const Sound sound = test_signal(seconds, 8000, 1);
    write_wav(input, sound);
    write_wav(target, circuit(sound, 0.5));
  }
  Outcome learn(const program_test::Arguments& more) const {
    return run("amplifier", folder, program_test::with({input, target, "0.5", "--model", model}, more));
  }
};

/// Σ (t − y)² / Σ t², without pre-emphasis.
double plain_error(const std::vector<float>& y, const std::vector<float>& target) {
  double error = 0, signal = 0;
  for (std::size_t k = 0; k < y.size(); ++k) {
    error += std::pow(double{target[k]} - y[k], 2);
    signal += std::pow(double{target[k]}, 2);
  }
  return error / signal;
}

}  // namespace

TEST_CASE(
    "amplifier: a clipped and filtered signal is learned, and another one played as the circuit plays it") {
  const Pair pair(10);
  const Outcome learned = pair.learn({"--epochs", "14", "--batch", "4", "--window", "256", "--lr", "0.02"});
  REQUIRE(learned.status == 0);
  const std::string& out = learned.out;
  const double rest = std::stod(out.substr(out.rfind("ESR on the rest ") + 16));
  CHECK(rest < 0.01);

  const Sound unheard = test_signal(1, 8000, 77);
  const std::string dry = pair.folder / "dry.wav", wet = pair.folder / "wet.wav";
  write_wav(dry, unheard);
  REQUIRE(run("amplifier", pair.folder, {"--model", pair.model, "--play", dry, "--out", wet}).status == 0);
  CHECK(plain_error(read_wav(wet).samples, circuit(unheard, 0.5).samples) <
        0.03);  // at levels that it may not have heard
}

TEST_CASE("amplifier: sample by sample, by both streams, the network plays what it played as a whole") {
  Generator rng(3);
  const Model model(rng);
  const Sound sound = test_signal(0.1, 8000, 2);
  const Recording recording{sound.samples, sound.samples, 0.4F, 8000};
  const NoGrad off;
  Lstm<float>::State state;
  const auto steps = static_cast<index_t>(sound.samples.size());
  const Variable<float> whole = model(cut({{&recording, 0}}, steps).x, state);
  auto stepwise = stream(model.lstm);
  auto real_time = real_time_stream(model.lstm, model.dense);
  double farthest = 0;
  bool equal_streams = true;
  for (index_t t = 0; t < steps; ++t) {
    const std::array<float, 2> x{recording.input[static_cast<std::size_t>(t)], recording.knob};
    std::array<float, 1> added{};
    REQUIRE(real_time.step(x, added));
    const Variable<float> y = model.dense(stepwise.step(Variable<float>::from(Shape{1, 2}, {x[0], x[1]})));
    equal_streams = equal_streams && y.item() == added[0];
    farthest = std::max(farthest, std::abs(double{added[0]} + x[0] - whole.data()[t]));
  }
  CHECK(equal_streams);
  CHECK(farthest <= 1e-6);  // the whole multiplies the inputs of all steps at once: last digits
}

TEST_CASE("amplifier: mistakes are named, and files that do not fit") {
  const Pair pair(1);
  const auto message = [&](const program_test::Arguments& arguments) {
    return run("amplifier", pair.folder, arguments).err;
  };
  CHECK(contains(message({}), "nothing to do"));
  CHECK(contains(message({pair.input, pair.target}),
                 "need INPUT TARGET KNOB, any number of times; got 2 words"));
  CHECK(contains(message({pair.input, pair.target, "2"}), "got '2' for the knob"));
  CHECK(contains(message({pair.input, pair.folder / "none.wav", "0"}), "none.wav"));
  CHECK(contains(message({pair.input, pair.target, "0", "--window", "900"}),
                 "the recordings are too short: need 10125 frames"));
  const std::string other = pair.folder / "other.wav";
  write_wav(other, test_signal(1, 9000, 1));
  CHECK(contains(message({pair.input, other, "0"}), "other.wav: has 9000 frames at 9000 Hz; "));
  CHECK(contains(message({"--play", other, "--model", pair.model}), "m.safetensors"));
}
