#pragma once
/// \file Sound in WAV files. Its code is a library of its own, which needs libsndfile: link `unroll::wav`.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace unroll {

/// Samples of one or several channels. 1 is full scale: what a file of whole numbers can hold is in [−1, 1).
struct Sound {
  int rate = 44100;            ///< samples of a channel in a second
  int channels = 1;            ///< 2 for stereo
  std::vector<float> samples;  ///< frame by frame; a frame has a sample of each channel

  /// Samples of each channel.
  std::int64_t frames() const { return static_cast<std::int64_t>(samples.size()) / channels; }
  /// The samples of one channel, from 0.
  /// Errors: IndexError for a channel that there is not.
  std::vector<float> channel(int number) const;
};

/// How a file stores a sample.
enum class WavFormat { pcm16, pcm24, pcm32, float32 };

/// The most bytes of a file that are read if nothing else is asked for: 1 GiB, an hour and a half of 16-bit stereo.
inline constexpr std::uint64_t largest_wav = std::uint64_t{1} << 30;

/// What:   the sound in a WAV file (RIFF, RF64 or W64) of 8, 16, 24 or 32-bit whole numbers, or of floating point.
/// Errors: DataError `path: what is wrong`: it cannot be read, is larger than `largest` bytes, is no WAV file or a compressed
///         one, ends before its header says, has no sample, or has one that is not finite, whose frame and channel it
///         names.
/// Limits: of 32-bit whole numbers and 64-bit floating point, what float keeps: 24 bits.
/// Cost:   memory for the file, and four bytes for each sample.
Sound read_wav(const std::string& path, std::uint64_t largest = largest_wav);
/// The same of a file's bytes; `source` is its name in messages.
Sound parse_wav(std::span<const std::byte> bytes, const std::string& source);

/// What:   the file of a sound, in memory. Whole numbers are rounded to the nearest, and what exceeds full scale is cut
///         to it; read_wav gives what was written, to the bit.
/// Errors: UsageError for a rate below 1, channels not in 1 to 1024, samples that are no whole number of frames or not
///         finite, and for more than the 4 GB that a WAV file can hold.
std::vector<std::byte> serialise_wav(const Sound& sound, WavFormat format = WavFormat::float32);
/// What:   writes a sound to a file, whole or not at all. Returns how many samples exceeded full scale and were cut, which
///         can be heard; none are in floating point.
/// Errors: as serialise_wav; DataError `path: reason` if the file cannot be written.
std::int64_t write_wav(const std::string& path, const Sound& sound, WavFormat format = WavFormat::float32);

}  // namespace unroll
