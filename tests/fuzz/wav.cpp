// WAV files.

#include "unroll/data/wav.hpp"

#include <cmath>

#include "fuzz.hpp"

UNROLL_FUZZ_TARGET(wav) {
  using namespace unroll;
  const Sound sound = parse_wav(std::as_bytes(std::span(input)), "f");
  fuzz::require(sound.rate > 0 && sound.channels > 0 && sound.frames() > 0, "a sound has samples");
  for (const float x : sound.samples) fuzz::require(std::isfinite(x), "samples are finite");
  if (sound.channels > 1024) return;  // more than are written
  const Sound again = parse_wav(serialise_wav(sound), "again");
  fuzz::require(
      again.rate == sound.rate && again.channels == sound.channels && again.samples == sound.samples,
      "a sound is read as it was written");
}
