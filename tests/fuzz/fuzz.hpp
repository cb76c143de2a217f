#pragma once
/// \file What a fuzz target is made of. Each file here defines one:
///
///     UNROLL_FUZZ_TARGET(series) {  // gets `std::string_view input`
///       …
///     }
///
/// libFuzzer calls it with inputs that it invents; fuzz_corpus, an ordinary test, with those of tests/corpus/series.
/// Input that the library refuses with an exception of its own is fine. Any other exception, a report of a sanitizer,
/// a property that does not hold and memory beyond the bound are finds.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "unroll/autograd/error.hpp"

namespace unroll::fuzz {

/// A target by its name.
struct Target {
  const char* name;
  void (*run)(std::string_view input);
  const Target* next;
};
/// All targets of a program; the first of a list.
extern const Target* targets;

/// Enters a target into the list.
struct Register {
  Register(const char* name, void (*run)(std::string_view));
  Target target;
};

/// Runs a target. What the library refuses is fine; the target may use 64 MB and four times the input, which is counted
/// where the address sanitizer is there to do it.
void run(void (*target)(std::string_view), std::string_view input);

/// Ends the process, with `what` on standard error, where a property does not hold.
void require(bool holds, const char* what);

/// The result of `f`; a default value where the library refuses.
template <class F>
auto attempt(F&& f) -> decltype(f()) {
  try {
    return f();
  } catch (const Error&) {
    return decltype(f())();
  }
}

/// A file in memory for what reads only files; one for a process, with new content at each call.
/// What:  a path that leads to `content`.
std::string file_of(std::string_view content);
/// The same under a name of its own, for what follows no links: in /dev/shm, or where temporary files are.
const std::filesystem::path& scratch_file();

/// Takes an input apart, from its beginning; where it has ended, all is 0.
class Bytes {
 public:
  explicit Bytes(std::string_view input) : rest_(input) {}
  bool empty() const { return rest_.empty(); }
  unsigned char byte();
  /// A number in [0, count).
  int below(int count) { return byte() % count; }
  /// All that is left.
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace unroll::fuzz

#ifdef UNROLL_LIBFUZZER
#define UNROLL_FUZZ_ENTRY(name)                                                        \
  extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);  \
  extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) { \
    unroll::fuzz::run(fuzz_##name, {reinterpret_cast<const char*>(data), size});       \
    return 0;                                                                          \
  }
#else
#define UNROLL_FUZZ_ENTRY(name) static const unroll::fuzz::Register register_##name(#name, fuzz_##name);
#endif

/// Begins the body of a target.
#define UNROLL_FUZZ_TARGET(name)                   \
  static void fuzz_##name(std::string_view input); \
  UNROLL_FUZZ_ENTRY(name)                          \
  static void fuzz_##name([[maybe_unused]] std::string_view input)
