#include "unroll/data/wav.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include "temporary_folder.hpp"
#include "unroll/autograd/error.hpp"

using namespace unroll;

namespace {

using Bytes = std::vector<std::byte>;

Sound wave(int channels, std::int64_t frames) {
  Sound sound{.rate = 8000, .channels = channels, .samples = {}};
  for (std::int64_t k = 0; k < frames * channels; ++k)
    sound.samples.push_back(static_cast<float>(0.9 * std::sin(0.37 * static_cast<double>(k * k % 100))));
  return sound;
}

std::string refusal(const Bytes& bytes) {
  try {
    parse_wav(bytes, "f.wav");
  } catch (const DataError& error) {
    return error.what();
  }
  return "none";
}

std::string misuse(const Sound& sound) {
  try {
    serialise_wav(sound);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "none";
}

/// Puts a number of four bytes at an offset.
Bytes with_word(Bytes bytes, std::size_t offset, std::uint32_t word) {
  std::memcpy(bytes.data() + offset, &word, 4);
  return bytes;
}

}  // namespace

TEST_CASE("wav: floating point is read as it was written") {
  for (const int channels : {1, 2, 5}) {
    const Sound sound = wave(channels, 33), again = parse_wav(serialise_wav(sound), "f.wav");
    CHECK(again.rate == 8000);
    CHECK(again.channels == channels);
    CHECK(again.frames() == 33);
    CHECK(again.samples == sound.samples);
  }
}

TEST_CASE("wav: whole numbers are rounded to the nearest, and then stay as they are") {
  const Sound sound = wave(2, 40);
  for (const auto& [format, bits] :
       {std::pair{WavFormat::pcm16, 16}, {WavFormat::pcm24, 24}, {WavFormat::pcm32, 32}}) {
    const Sound once = parse_wav(serialise_wav(sound, format), "f.wav");
    for (std::size_t k = 0; k < sound.samples.size(); ++k)
      // Half a unit of the format, and that of float.
      CHECK(std::abs(once.samples[k] - sound.samples[k]) <= std::ldexp(1.0, -bits) + std::ldexp(1.0, -25));
    CHECK(parse_wav(serialise_wav(once, format), "f.wav").samples == once.samples);
  }
}

TEST_CASE("wav: full scale is the range of whole numbers, and what exceeds it is cut and counted") {
  const TemporaryFolder folder;
  const Sound loud{.rate = 8000, .channels = 1, .samples = {1, -1, 1.5F, -2, 0.5F}};
  const std::string path = folder / "loud.wav";
  CHECK(write_wav(path, loud, WavFormat::pcm16) == 2);
  const float top = 32767.0F / 32768;
  CHECK(read_wav(path).samples == std::vector<float>{top, -1, top, -1, 0.5F});
  CHECK(write_wav(path, loud) == 0);
  CHECK(read_wav(path).samples == loud.samples);
}

TEST_CASE("wav: the same sound is the same file at any time of day") {
  const Bytes file = serialise_wav(wave(1, 10));
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  CHECK(text.find("PEAK") == std::string_view::npos);
}

TEST_CASE("wav: a channel of several") {
  const Sound sound{.rate = 8000, .channels = 2, .samples = {1, 2, 3, 4, 5, 6}};
  CHECK(sound.channel(1) == std::vector<float>{2, 4, 6});
  CHECK_THROWS_WITH_AS(static_cast<void>(sound.channel(2)), "channel: need 0 to 1; got 2", IndexError);
}

TEST_CASE("wav: files that are something else, cut off or empty are refused by name") {
  const Bytes file = serialise_wav(wave(1, 100), WavFormat::pcm16);
  CHECK(refusal({}) == "f.wav: it is no WAV file");
  CHECK(refusal(Bytes(100, std::byte{'x'})) == "f.wav: it is no WAV file");
  CHECK(refusal({file.begin(), file.end() - 50}) ==
        "f.wav: it is cut off: its header speaks of 244 bytes, and it has 194");
  CHECK(refusal({file.begin(), file.begin() + 20}).starts_with("f.wav: it is cut off"));
  CHECK(refusal(with_word({file.begin(), file.begin() + 44}, 4, 36)) == "f.wav: it has no samples");
  CHECK(refusal(with_word(file, 8, 0x58585858)).starts_with("f.wav: it cannot be read as a WAV file: "));
  // µ-law, a byte a sample, in the place of PCM.
  CHECK(refusal(with_word(file, 20, 0x00010007)) ==
        "f.wav: its samples are compressed; need 8, 16, 24 or 32-bit PCM, or floating point");
}

TEST_CASE("wav: a sample that is not finite is named") {
  Bytes file = serialise_wav(wave(2, 100));
  const float odd = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(file.data() + file.size() - 4 * 151, &odd, 4);  // of 200 samples number 49
  CHECK(refusal(file) == "f.wav: frame 24 (0.003 s), channel 1: nan is no sample");
}

TEST_CASE("wav: what cannot be written is refused before a file is touched") {
  const TemporaryFolder folder;
  Sound sound = wave(2, 4);
  sound.samples.pop_back();
  CHECK(misuse(sound) == "write_wav: 7 samples are no whole number of frames of 2 channels");
  sound = wave(1, 4);
  sound.samples[2] = std::numeric_limits<float>::infinity();
  CHECK(misuse(sound) == "write_wav: sample 2 is inf; need finite ones");
  CHECK(misuse({.rate = 0, .samples = {}}) == "write_wav: need a rate of at least 1; got 0");
  CHECK(misuse({.channels = 0, .samples = {}}) == "write_wav: need 1 to 1024 channels; got 0");
  const std::string path = folder / "a.wav";
  write_wav(path, wave(1, 10));
  CHECK_THROWS_AS(write_wav(path, sound), UsageError);
  CHECK(read_wav(path).frames() == 10);
}

TEST_CASE("wav: a file is not read if it is larger than was allowed, and one that is not there is named") {
  const TemporaryFolder folder;
  const std::string path = folder / "a.wav";
  write_wav(path, wave(1, 1000));
  CHECK_THROWS_AS(read_wav(path, 100), DataError);
  CHECK_THROWS_AS(read_wav(folder / "none.wav"), DataError);
  CHECK_THROWS_AS(write_wav(folder / "none/a.wav", wave(1, 1)), DataError);
}
