#include "amplifier/circuit.hpp"

#include <cmath>
#include <filesystem>
#include <numbers>

#include "unroll/autograd/random.hpp"

namespace unroll::amplifier {

Sound test_signal(double seconds, int rate, std::uint64_t seed) {
  Generator rng(seed);
  Sound sound{.rate = rate, .channels = 1, .samples = {}};
  const auto count = static_cast<std::int64_t>(seconds * rate);
  const double low = 40, high = rate / 3.0, passage = 0.5;  // seconds
  double phase = 0, level = 0, noise = 0, smoothing = 0;
  for (std::int64_t k = 0; k < count; ++k) {
    const double t = static_cast<double>(k) / rate, part = std::fmod(t, passage) / passage;
    const auto number = static_cast<std::int64_t>(t / passage);
    if (part * passage * rate < 1) level = 0.05 + 0.75 * rng.uniform(), smoothing = 0.9 * rng.uniform();
    const double swell = level * std::sin(std::numbers::pi * part);  // no clicks between passages
    const double place = number % 4 < 2 ? part : 1 - part;
    phase += 2 * std::numbers::pi * low * std::pow(high / low, place) / rate;
    noise = smoothing * noise + (1 - smoothing) * rng.normal();
    sound.samples.push_back(static_cast<float>(swell * (number % 2 == 0 ? std::sin(phase) : noise)));
  }
  return sound;
}

Sound circuit(const Sound& input, double knob) {
  const double rate = input.rate, turn = 2 * std::numbers::pi;
  const double high_pass = std::exp(-turn * 80 / rate), low_pass = std::exp(-turn * 3500 / rate);
  const double drive = std::pow(10, 1.3 * knob), bias = 0.3;
  Sound output = input;
  double before = 0, passed = 0, smoothed = 0;
  for (float& x : output.samples) {
    passed = high_pass * (passed + x - before);
    before = x;
    const double clipped = std::tanh(drive * passed + bias) - std::tanh(bias);
    smoothed += (1 - low_pass) * (clipped - smoothed);
    x = static_cast<float>(0.7 * smoothed);
  }
  return output;
}

void write_pairs(const std::string& folder, double seconds, int rate, std::uint64_t seed) {
  const std::filesystem::path path(folder);
  std::filesystem::create_directories(path);
  const Sound input = test_signal(seconds, rate, seed);
  write_wav(path / "in.wav", input, WavFormat::pcm24);
  for (const auto& [name, knob] : {std::pair{"low.wav", 0.1}, {"middle.wav", 0.5}, {"high.wav", 0.9}})
    write_wav(path / name, circuit(input, knob), WavFormat::pcm24);
}

}  // namespace unroll::amplifier
