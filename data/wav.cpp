#include "unroll/data/wav.hpp"

#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "unroll/autograd/error.hpp"
#include "unroll/io/atomic_file.hpp"

namespace unroll {
namespace {

/// A file in memory, as libsndfile reads and writes it.
struct MemoryFile {
  std::span<const std::byte> input;
  std::vector<std::byte> output;
  sf_count_t position = 0;

  sf_count_t size() const { return static_cast<sf_count_t>(std::max(input.size(), output.size())); }

  static MemoryFile& of(void* user) { return *static_cast<MemoryFile*>(user); }
  static sf_count_t get_size(void* user) { return of(user).size(); }
  static sf_count_t tell(void* user) { return of(user).position; }
  static sf_count_t seek(sf_count_t offset, int whence, void* user) {
    MemoryFile& file = of(user);
    const sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? file.position : file.size();
    // libsndfile asks for places beyond the end of a damaged file.
    if (offset > -base && offset < (sf_count_t{1} << 62)) file.position = base + offset;
    if (offset == -base) file.position = 0;
    return file.position;
  }
  static sf_count_t read(void* to, sf_count_t count, void* user) {
    MemoryFile& file = of(user);
    const sf_count_t left = static_cast<sf_count_t>(file.input.size()) - file.position;
    count = std::clamp<sf_count_t>(count, 0, std::max<sf_count_t>(left, 0));
    if (count > 0) std::memcpy(to, file.input.data() + file.position, static_cast<std::size_t>(count));
    file.position += count;
    return count;
  }
  static sf_count_t write(const void* from, sf_count_t count, void* user) try {
    MemoryFile& file = of(user);
    const auto begin = static_cast<std::size_t>(file.position), end = begin + static_cast<std::size_t>(count);
    if (file.output.size() < end) file.output.resize(end);
    std::memcpy(file.output.data() + begin, from, static_cast<std::size_t>(count));
    file.position += count;
    return count;
  } catch (const std::bad_alloc&) {  // not through code in C
    return 0;
  }
};

struct CloseSound {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using SoundFile = std::unique_ptr<SNDFILE, CloseSound>;

SoundFile open_sound(MemoryFile& file, int mode, SF_INFO& info) {
  SF_VIRTUAL_IO calls{MemoryFile::get_size, MemoryFile::seek, MemoryFile::read, MemoryFile::write,
                      MemoryFile::tell};
  return SoundFile(sf_open_virtual(&calls, mode, &info, &file));
}

bool begins_with(std::span<const std::byte> bytes, const char* word) {
  return bytes.size() >= 4 && std::memcmp(bytes.data(), word, 4) == 0;
}

/// libsndfile reads what there is of a file that was cut off.
/// Errors: DataError.
void check_whole(std::span<const std::byte> bytes, const std::string& source) {
  if (!begins_with(bytes, "RIFF") || bytes.size() < 8) return;
  std::uint64_t said = 0;
  for (std::size_t k = 0; k < 4; ++k) said |= std::to_integer<std::uint64_t>(bytes[4 + k]) << (8 * k);
  if (said >= 0xFFFFFFF0) return;  // written to a pipe: unknown
  if (said + 8 > bytes.size())
    raise<DataError>("{}: it is cut off: its header speaks of {} bytes, and it has {}", source, said + 8,
                     bytes.size());
}

/// Errors: DataError for what this library does not read.
void check_format(const SF_INFO& info, const std::string& source) {
  const int container = info.format & SF_FORMAT_TYPEMASK, samples = info.format & SF_FORMAT_SUBMASK;
  const auto one_of = [](int value, std::initializer_list<int> values) {
    return std::ranges::find(values, value) != values.end();
  };
  if (!one_of(container, {SF_FORMAT_WAV, SF_FORMAT_WAVEX, SF_FORMAT_RF64, SF_FORMAT_W64}))
    raise<DataError>("{}: it is no WAV file", source);
  if (!one_of(samples, {SF_FORMAT_PCM_U8, SF_FORMAT_PCM_16, SF_FORMAT_PCM_24, SF_FORMAT_PCM_32,
                        SF_FORMAT_FLOAT, SF_FORMAT_DOUBLE}))
    raise<DataError>("{}: its samples are compressed; need 8, 16, 24 or 32-bit PCM, or floating point",
                     source);
}

/// Errors: DataError for a sample that is not finite.
void check_samples(const Sound& sound, const std::string& source) {
  const auto odd = std::ranges::find_if(sound.samples, [](float x) { return !std::isfinite(x); });
  if (odd == sound.samples.end()) return;
  const std::int64_t at = odd - sound.samples.begin(), frame = at / sound.channels;
  raise<DataError>("{}: frame {} ({:.3f} s), channel {}: {} is no sample", source, frame,
                   static_cast<double>(frame) / sound.rate, at % sound.channels, *odd);
}

int bits_of(WavFormat format) {
  return format == WavFormat::pcm16 ? 16 : format == WavFormat::pcm24 ? 24 : 32;
}

/// Errors: UsageError.
void check_writable(const Sound& sound, WavFormat format) {
  if (sound.rate < 1) raise<UsageError>("write_wav: need a rate of at least 1; got {}", sound.rate);
  if (sound.channels < 1 || sound.channels > 1024)
    raise<UsageError>("write_wav: need 1 to 1024 channels; got {}", sound.channels);
  if (sound.samples.size() % static_cast<std::size_t>(sound.channels) != 0)
    raise<UsageError>("write_wav: {} samples are no whole number of frames of {} channels",
                      sound.samples.size(), sound.channels);
  if (sound.samples.size() > 0xFFFFF000u / static_cast<std::size_t>(bits_of(format) / 8))
    raise<UsageError>("write_wav: a WAV file holds at most 4 GB; got {} samples of {} bits: cut the sound",
                      sound.samples.size(), bits_of(format));
  const auto odd = std::ranges::find_if(sound.samples, [](float x) { return !std::isfinite(x); });
  if (odd != sound.samples.end())
    raise<UsageError>("write_wav: sample {} is {}; need finite ones", odd - sound.samples.begin(), *odd);
}

/// A sample as a whole number, in the upper bits as libsndfile takes it.
int whole_sample(float x, int bits) {
  const double scale = std::ldexp(1.0, bits - 1);
  const double rounded = std::clamp(std::nearbyint(x * scale), -scale, scale - 1);
  return static_cast<int>(static_cast<std::int64_t>(rounded) << (32 - bits));
}

sf_count_t write_samples(SNDFILE* file, const Sound& sound, WavFormat format) {
  if (format == WavFormat::float32) return sf_writef_float(file, sound.samples.data(), sound.frames());
  std::vector<int> whole(sound.samples.size());
  std::ranges::transform(sound.samples, whole.begin(),
                         [bits = bits_of(format)](float x) { return whole_sample(x, bits); });
  return sf_writef_int(file, whole.data(), sound.frames());
}

}  // namespace

std::vector<float> Sound::channel(int number) const {
  if (number < 0 || number >= channels)
    raise<IndexError>("channel: need 0 to {}; got {}", channels - 1, number);
  std::vector<float> one;
  one.reserve(static_cast<std::size_t>(frames()));
  for (auto k = static_cast<std::size_t>(number); k < samples.size(); k += static_cast<std::size_t>(channels))
    one.push_back(samples[k]);
  return one;
}

Sound parse_wav(std::span<const std::byte> bytes, const std::string& source) {
  if (!begins_with(bytes, "RIFF") && !begins_with(bytes, "RF64") && !begins_with(bytes, "riff"))
    raise<DataError>("{}: it is no WAV file", source);
  check_whole(bytes, source);
  MemoryFile memory{.input = bytes, .output = {}};
  SF_INFO info{};
  const SoundFile file = open_sound(memory, SFM_READ, info);
  if (!file) raise<DataError>("{}: it cannot be read as a WAV file: {}", source, sf_strerror(nullptr));
  check_format(info, source);
  if (info.frames < 1 || info.channels < 1 || info.samplerate < 1)
    raise<DataError>("{}: it has no samples", source);
  // Each sample takes a byte at least, so that what follows is no larger than four times the file.
  if (info.frames > static_cast<sf_count_t>(bytes.size()) / info.channels)
    raise<DataError>("{}: its header speaks of {} frames, more than it has bytes for", source, info.frames);
  Sound sound{.rate = info.samplerate, .channels = info.channels, .samples = {}};
  sound.samples.resize(static_cast<std::size_t>(info.frames * info.channels));
  const sf_count_t frames = sf_readf_float(file.get(), sound.samples.data(), info.frames);
  if (frames != info.frames)
    raise<DataError>("{}: it is cut off: its header speaks of {} frames, and it has {}", source, info.frames,
                     frames);
  check_samples(sound, source);
  return sound;
}

Sound read_wav(const std::string& path, std::uint64_t largest) {
  return parse_wav(io::read_file(path, largest), path);
}

std::vector<std::byte> serialise_wav(const Sound& sound, WavFormat format) {
  check_writable(sound, format);
  SF_INFO info{};
  info.samplerate = sound.rate;
  info.channels = sound.channels;
  info.format = SF_FORMAT_WAV | (format == WavFormat::pcm16   ? SF_FORMAT_PCM_16
                                 : format == WavFormat::pcm24 ? SF_FORMAT_PCM_24
                                 : format == WavFormat::pcm32 ? SF_FORMAT_PCM_32
                                                              : SF_FORMAT_FLOAT);
  MemoryFile memory;
  SoundFile file = open_sound(memory, SFM_WRITE, info);
  if (!file) raise<UsageError>("write_wav: {}", sf_strerror(nullptr));
  sf_command(file.get(), SFC_SET_ADD_PEAK_CHUNK, nullptr, SF_FALSE);  // it holds the time of day
  if (write_samples(file.get(), sound, format) != sound.frames() || sf_close(file.release()) != 0)
    throw std::bad_alloc();  // nothing else can fail in memory
  return std::move(memory.output);
}

std::int64_t write_wav(const std::string& path, const Sound& sound, WavFormat format) {
  io::write_file_atomically(path, serialise_wav(sound, format));
  if (format == WavFormat::float32) return 0;
  return std::ranges::count_if(sound.samples, [](float x) { return std::abs(x) > 1; });
}

}  // namespace unroll
