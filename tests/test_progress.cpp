#include "unroll/train/progress.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <limits>
#include <memory>
#include <vector>

using namespace unroll;

namespace {

/// A stream in memory and what has been written to it.
struct Capture {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* out = open_memstream(&text, &size);

  Capture() = default;
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture() {
    std::fclose(out);
    std::free(text);
  }
  std::string written() const {
    std::fflush(out);
    return {text, size};
  }
};

const ProgressState state{.epoch = 3,
                          .epochs = 10,
                          .epoch_part = 0.42,
                          .loss = 1.734,
                          .gradient_norm = 0.5204,
                          .per_second = 152000.4,
                          .seconds_left = 83.2,
                          .unit = "char"};
const std::string line = "epoch 3/10  42.0 %  loss 1.7340  grad norm 0.520  152,000 chars/s  1:23 left";

}  // namespace

TEST_CASE("progress: a state reads as one line") { CHECK(progress_text(state) == line); }

TEST_CASE("progress: durations are readable at every size") {
  CHECK(duration_text(0) == "0:00");
  CHECK(duration_text(59.6) == "1:00");
  CHECK(duration_text(754) == "12:34");
  CHECK(duration_text(3723) == "1:02:03");
  CHECK(duration_text(2 * 86400 + 3 * 3600 + 240) == "2 d 03:04");
  CHECK(duration_text(-1) == "?");
  CHECK(duration_text(std::numeric_limits<double>::quiet_NaN()) == "?");
  CHECK(duration_text(std::numeric_limits<double>::infinity()) == "?");
}

TEST_CASE("progress: counts have commas between thousands") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(1115394) == "1,115,394");
  CHECK(grouped(-999) == "-999");
  CHECK(grouped(-123456) == "-123,456");
}

TEST_CASE("progress: off a terminal there are whole lines, ten seconds apart") {
  Capture capture;
  {
    Progress progress(capture.out);
    CHECK(!progress.live());
    progress.update(state, 0);
    progress.update(state, 9.9);
    progress.update(state, 10);
    progress.print("an evaluation");
  }
  CHECK(capture.written() == line + "\n" + line + "\nan evaluation\n");
}

TEST_CASE("progress: on a terminal one line is rewritten, and gives way to others") {
  Capture capture;
  {
    Progress progress(capture.out, {.live = true, .columns = 100});
    progress.update(state, 0);
    progress.update(state, 0.05);
    progress.print("an evaluation");
    progress.update(state, 0.1);
  }
  const std::string shown = "\r" + line + "\x1b[K", gone = "\r\x1b[K";
  CHECK(capture.written() == shown + gone + "an evaluation\n" + shown + gone);
}

TEST_CASE("progress: the live line is shorter than the terminal is wide") {
  Capture capture;
  Progress progress(capture.out, {.live = true, .columns = 20});
  progress.update(state, 0);
  CHECK(capture.written() == "\r" + line.substr(0, 19) + "\x1b[K");
}

TEST_CASE("progress: the reason of the first line that is lost is kept") {
  std::vector<int> errors;  // of the next writes
  const auto write = [](void* cookie, const char*, std::size_t size) -> ssize_t {
    auto& next = *static_cast<std::vector<int>*>(cookie);
    if (next.empty()) return static_cast<ssize_t>(size);
    errno = next.front();
    next.erase(next.begin());
    return 0;
  };
  std::FILE* out = fopencookie(&errors, "w", {.read = {}, .write = write, .seek = {}, .close = {}});
  {
    Progress progress(out, {.live = false, .columns = {}});
    progress.print("one");
    CHECK(progress.write_error() == 0);
    errors = {ENOSPC, EIO};
    progress.print("two");
    progress.print("three");
    progress.print("four");
    CHECK(progress.write_error() == ENOSPC);
  }
  std::fclose(out);
}

TEST_CASE("progress: a rate is right when steady and forgets what is long past") {
  RateMeter meter;
  CHECK(meter.per_second() == 0);
  for (int k = 0; k < 100; ++k) meter.add(250, 0.5);
  CHECK(meter.per_second() == doctest::Approx(500).epsilon(1e-12));  // a quotient of two sums
  for (int k = 0; k < 100; ++k) meter.add(50, 0.5);
  CHECK(meter.per_second() == doctest::Approx(100).epsilon(1e-3));  // 50 s later: exp(-10) is left, times 4
}
