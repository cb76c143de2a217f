#pragma once
/// \file An amplifier made up in code, with a sound to measure it by: recordings to learn from, where there are none.

#include "unroll/data/wav.hpp"

namespace unroll::amplifier {

/// Sweeps of a sine from 40 Hz to a third of the rate, up and down, between passages of noise, at levels that change.
Sound test_signal(double seconds, int rate, std::uint64_t seed);

/// What the circuit makes of a sound: a high-pass filter, a stage that is driven the harder the further `knob`, in [0, 1],
/// is turned and clips the two sides of a wave unequally, and a low-pass filter.
Sound circuit(const Sound& input, double knob);

/// Writes recordings to a folder: in.wav, what goes into the circuit, and low.wav, middle.wav and high.wav, what comes out
/// with the knob at 0.1, 0.5 and 0.9.
void write_pairs(const std::string& folder, double seconds, int rate, std::uint64_t seed);

}  // namespace unroll::amplifier
