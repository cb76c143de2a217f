// An amplifier or a guitar pedal learned from recordings of what went in and what came out, by an LSTM that follows the
// sound sample by sample, as in a plug-in: docs/amplifier.md.

#include "amplifier/amplifier.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "amplifier/circuit.hpp"
#include "amplifier/recordings.hpp"
#include "common/line_reader.hpp"
#include "common/program.hpp"
#include "unroll/io/checkpoint.hpp"
#include "unroll/layers/real_time_stream.hpp"
#include "unroll/optim/adam.hpp"
#include "unroll/optim/clip.hpp"
#include "unroll/optim/schedule.hpp"
#include "unroll/train/state_dict.hpp"

using namespace unroll;
using namespace unroll::amplifier;

struct Options {
  std::string model = "amplifier.safetensors", play, out = "played.wav", pairs;
  std::vector<std::string> recordings;
  int epochs = 30;
  index_t batch = 16, window = 512;
  double knob = 0.5, lr = 1e-2, seconds = 20;
  std::uint64_t seed = 1;
};

void learn(const Model& model, const std::vector<Recording>& recordings, const Options& o) {
  constexpr index_t windows = 8;  // in a row, from one state to the next
  const index_t length = (windows + 1) * o.window;
  std::vector<Place> places;
  for (const Recording& r : recordings)
    for (index_t at = 0; at + length <= r.learned(); at += windows * o.window) places.push_back({&r, at});
  const index_t columns = std::min(o.batch, std::ssize(places));
  if (columns == 0) raise<DataError>("the recordings are too short: need {} frames", 5 * length / 4);
  const index_t batches = std::ssize(places) / columns;
  Adam adam(parameters(model), {.lr = o.lr});
  Scheduler rate(adam, cosine(static_cast<std::uint64_t>(o.epochs * batches * windows), {.minimum = 0.01}));
  Generator rng(o.seed + 1);
  for (int epoch = 1; epoch <= o.epochs; ++epoch) {
    for (std::size_t k = places.size(); k > 1; --k) std::swap(places[k - 1], places[rng.below(k)]);
    for (index_t batch = 0; batch < batches; ++batch) {
      const auto begin = places.begin() + batch * columns;
      const auto [x, target] = cut({begin, begin + columns}, length);
      Lstm<float>::State state;
      model(slice(x, 0, 0, o.window), state);  // until the state has forgotten that it began with nothing
      for (index_t t = o.window; t < length; t += o.window) {
        const auto y = model(slice(x, 0, t, t + o.window), state);
        error_to_signal(y, slice(target, 0, t, t + o.window)).backward();
        clip_grad_norm(parameters(model), 1);
        adam.step(), adam.zero_grad(), rate.step();
      }
    }
    const double error = error_on_rest(model, recordings);
    program::write_out(fmt::format("epoch {:3}   ESR on the rest {:.5f}\n", epoch, error));
  }
}

/// Plays a file through the network, sample by sample, as a plug-in does.
void play(const Model& model, int rate, const Options& o) {
  Sound sound = read_wav(o.play);
  if (sound.rate != rate)
    raise<DataError>("{}: has {} Hz; the model has learned at {} Hz", o.play, sound.rate, rate);
  sound = {.rate = rate, .channels = 1, .samples = sound.channel(0)};
  auto network = real_time_stream(model.lstm, model.dense);
  for (float& sample : sound.samples) {
    const std::array<float, 2> x{sample, static_cast<float>(o.knob)};
    std::array<float, 1> added{};
    network.step(x, added);
    sample = added[0] + sample;
  }
  const std::int64_t cut_off = write_wav(o.out, sound, WavFormat::pcm24);
  fmt::print("{}: {:.2f} s, {} samples exceeded full scale\n", o.out, sound.frames() / double(rate), cut_off);
}

int main(int argc, char** argv) {
  return program::guarded("amplifier", [&] {
    Options o;
    program::CommandLine line("Learns an amplifier from recordings, and plays sound through it");
    line.add_words("recordings", o.recordings, "INPUT TARGET KNOB, any number of times; a knob from 0 to 1");
    line.add("model", o.model, "the file of the model", {.named = true});
    line.add("play", o.play, "a WAV file to put through the model; its first channel");
    line.add("knob", o.knob, "where the knob stands for --play", {.low = 0, .high = 1});
    line.add("out", o.out, "the file that --play writes", {.named = true});
    line.add("pairs", o.pairs, "folder to write recordings of a made-up amplifier to, to try it with");
    line.add("seconds", o.seconds, "length of those recordings", {.low = 1, .high = 3600});
    line.add("epochs", o.epochs, "times to read the recordings", program::size_from(1));
    line.add("batch", o.batch, "pieces of the recordings to learn side by side", program::size_from(1));
    line.add("window", o.window, "frames that gradients flow back", program::size_from(2));
    line.add("lr", o.lr, "learning rate at the beginning", program::at_least(0));
    line.add("seed", o.seed, "seed of all random numbers");
    if (const auto status = line.read(argc, argv, "amplifier")) return *status;
    if (o.pairs.empty() && o.recordings.empty() && o.play.empty())
      raise<UsageError>("nothing to do: name recordings, --play or --pairs; see --help");
    if (!o.pairs.empty()) write_pairs(o.pairs, o.seconds, 44100, o.seed);
    Generator rng(o.seed);
    Model model(rng);
    if (!o.recordings.empty()) {
      const auto recordings = read_recordings(o.recordings);
      learn(model, recordings, o);
      io::Checkpoint file{.kind = "amplifier", .json = std::to_string(recordings[0].rate), .tensors = {}};
      save_state(model, file.tensors);
      io::save_checkpoint(o.model, std::move(file));
      fmt::print("the model is {}\n", o.model);
    }
    if (!o.play.empty()) {
      const io::Checkpoint file = io::load_checkpoint(o.model, "amplifier");
      load_state(model, file.tensors);
      play(model, std::atoi(file.json.c_str()), o);
    }
    return 0;
  });
}
