#include "amplifier/recordings.hpp"

#include <charconv>

#include "unroll/autograd/error.hpp"
#include "unroll/data/wav.hpp"

namespace unroll::amplifier {
namespace {

float read_knob(const std::string& word) {
  float knob = -1;
  const char* end = word.data() + word.size();
  const auto [at, error] = std::from_chars(word.data(), end, knob);
  if (error != std::errc() || at != end || !(knob >= 0 && knob <= 1))
    raise<UsageError>("need INPUT TARGET KNOB, with a knob from 0 to 1; got '{}' for the knob", word);
  return knob;
}

Recording read_recording(const std::string& input, const std::string& target, float knob) {
  const Sound in = read_wav(input), out = read_wav(target);
  if (in.rate != out.rate || in.frames() != out.frames())
    raise<DataError>("{}: has {} frames at {} Hz; {} has {} at {} Hz: record both together", target,
                     out.frames(), out.rate, input, in.frames(), in.rate);
  return {in.channel(0), out.channel(0), knob, in.rate};
}

}  // namespace

std::vector<Recording> read_recordings(const std::vector<std::string>& words) {
  if (words.empty() || words.size() % 3 != 0)
    raise<UsageError>("need INPUT TARGET KNOB, any number of times; got {} words", words.size());
  std::vector<Recording> recordings;
  for (std::size_t k = 0; k < words.size(); k += 3) {
    recordings.push_back(read_recording(words[k], words[k + 1], read_knob(words[k + 2])));
    if (recordings.back().rate != recordings[0].rate)
      raise<DataError>("{}: has {} Hz, and {} has {} Hz: the rate is a part of what is learned", words[k],
                       recordings.back().rate, words[0], recordings[0].rate);
  }
  return recordings;
}

Pieces cut(const std::vector<Place>& places, index_t steps) {
  const auto count = static_cast<index_t>(places.size());
  Pieces pieces{Variable<float>({steps, count, 2}, 0), Variable<float>({steps, count, 1}, 0)};
  float *x = pieces.x.mutable_data(), *target = pieces.target.mutable_data();
  for (index_t t = 0; t < steps; ++t)
    for (const auto& [recording, begin] : places) {
      const auto frame = static_cast<std::size_t>(begin + t);
      *x++ = recording->input[frame];
      *x++ = recording->knob;
      *target++ = recording->target[frame];
    }
  return pieces;
}

}  // namespace unroll::amplifier
