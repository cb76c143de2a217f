#pragma once
/// \file Recordings of an amplifier, and pieces of them for the network.

#include <string>
#include <vector>

#include "unroll/autograd/variable.hpp"

namespace unroll::amplifier {

/// What went in and what came out, and where the knob stood, in [0, 1].
struct Recording {
  std::vector<float> input, target;
  float knob;
  int rate;
  /// The frames to learn from; the last fifth is to measure by.
  index_t learned() const { return static_cast<index_t>(input.size()) * 4 / 5; }
};

/// The recordings that a command line names: INPUT TARGET KNOB, any number of times.
/// Errors: UsageError for words that are not in threes and for a knob that is no number from 0 to 1; DataError that names
///         the file for one that cannot be read or does not fit the others.
std::vector<Recording> read_recordings(const std::vector<std::string>& words);

/// A piece of a recording begins at a frame.
struct Place {
  const Recording* recording;
  index_t begin;
};
/// Pieces side by side, as the network takes them: x (T, B, 2), the samples and the knob, and target (T, B, 1).
struct Pieces {
  Variable<float> x, target;
};
/// Cuts `steps` frames from each place, all of which have them.
Pieces cut(const std::vector<Place>& places, index_t steps);

}  // namespace unroll::amplifier
