#include "fuzz.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "unroll/autograd/pool_stats.hpp"

#ifdef __has_feature  // of clang, which brings the header
#if __has_feature(address_sanitizer)
#define UNROLL_COUNT_MEMORY
#endif
#endif

#ifdef UNROLL_COUNT_MEMORY
#include <sanitizer/allocator_interface.h>
#endif

namespace {

// Memory is counted where it is asked for: what the process holds would be the sanitizer's, too.
thread_local std::size_t in_use = 0, allowed = SIZE_MAX;

#ifdef UNROLL_COUNT_MEMORY
void count_taken(const volatile void*, std::size_t bytes) {
  in_use += bytes;
  if (in_use <= allowed) return;
  std::fprintf(stderr, "fuzz: %zu bytes asked for, %zu then in use, %zu allowed\n", bytes, in_use, allowed);
  std::abort();
}
void count_freed(const volatile void* p) {
  const std::size_t bytes = p ? __sanitizer_get_allocated_size(p) : 0;
  in_use -= bytes < in_use ? bytes : in_use;  // a thread may free what another has taken
}
[[maybe_unused]] const int installed = __sanitizer_install_malloc_and_free_hooks(count_taken, count_freed);
#endif

}  // namespace

namespace unroll::fuzz {

const Target* targets = nullptr;

Register::Register(const char* name, void (*run)(std::string_view)) : target{name, run, targets} {
  targets = &target;
}

void run(void (*target)(std::string_view), std::string_view input) {
  constexpr std::size_t always = 64 << 20;
  allowed = in_use + always + 4 * input.size();
  reset_pool_peak();
  try {
    target(input);
  } catch (const Error&) {
  }
  allowed = SIZE_MAX;
  require(pool_stats().peak <= always + 4 * input.size(), "arrays take no more memory than is allowed");
}

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: this does not hold: %s\n", what);
  std::abort();
}

std::string file_of(std::string_view content) {
  static const int descriptor = memfd_create("fuzz", MFD_CLOEXEC);
  const bool written = ftruncate(descriptor, 0) == 0 && pwrite(descriptor, content.data(), content.size(),
                                                               0) == static_cast<ssize_t>(content.size());
  require(written, "a file in memory can be written");
  return fmt::format("/proc/self/fd/{}", descriptor);
}

namespace {

/// A name that goes with the process.
struct ScratchFile {
  ScratchFile() {
    const std::filesystem::path memory = "/dev/shm";
    const auto folder = exists(memory) ? memory : std::filesystem::temp_directory_path();
    path = folder / fmt::format("unroll-fuzz-{}", getpid());
  }
  ~ScratchFile() {
    std::error_code error;
    remove(path, error);
  }
  std::filesystem::path path;
};

}  // namespace

const std::filesystem::path& scratch_file() {
  static const ScratchFile file;
  return file.path;
}

unsigned char Bytes::byte() {
  if (rest_.empty()) return 0;
  const auto first = static_cast<unsigned char>(rest_[0]);
  rest_.remove_prefix(1);
  return first;
}

}  // namespace unroll::fuzz
