#pragma once
/// \file How far a training run is: one line that is rewritten on a terminal, plain lines elsewhere.

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace unroll {

/// Where a run stands. Epochs count from 1; `epoch_part` is the part of the epoch done, in [0, 1].
struct ProgressState {
  std::int64_t epoch = 1, epochs = 1;  ///< the present one, and how many
  double epoch_part = 0;               ///< done
  double loss = 0, gradient_norm = 0;  ///< of training, lately
  double per_second = 0;               ///< units
  double seconds_left = 0;             ///< estimated
  std::string_view unit = "char";      ///< what is counted
};

/// `epoch 3/10  42.0 %  loss 1.7340  grad norm 0.52  152,000 chars/s  1:23 left`.
std::string progress_text(const ProgressState& state);

/// Seconds as `0:07`, `12:34`, `1:02:03` or `2 d 03:04`; `?` if not finite or below zero.
std::string duration_text(double seconds);

/// A count with commas between thousands, whatever the locale: `1,115,394`.
std::string grouped(std::int64_t count);
/// `1 epoch`, `1,000 epochs`.
std::string counted(std::int64_t count, std::string_view noun);

/// Amount per second over about the last five seconds.
class RateMeter {
 public:
  /// `amount` was done in `seconds`.
  void add(double amount, double seconds);
  /// The rate; 0 before anything was added.
  double per_second() const { return seconds_ > 0 ? amount_ / seconds_ : 0; }

 private:
  double amount_ = 0, seconds_ = 0;
};

/// Shows the state of a run on a stream: on a terminal one line, cut to its width and rewritten at
/// most ten times a second; elsewhere, or where TERM is `dumb`, a line every ten seconds.
/// A stream that can no longer be written loses its lines, not the run: write_error() tells, and ferror(out).
/// Lifetime: the stream must outlive it; the destructor takes an unfinished line away.
class Progress {
 public:
  /// What the destination is, where it cannot be asked.
  struct Options {
    std::optional<bool> live;                         ///< overrides what the stream is
    std::optional<int> columns;                       ///< overrides the terminal's width
    double live_interval = 0.1, plain_interval = 10;  ///< seconds between lines
  };
  /// Shows it on `out`.
  explicit Progress(std::FILE* out) : Progress(out, Options{}) {}
  /// The same with options.
  Progress(std::FILE* out, const Options& options);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  /// Shows the state if it is time to; `now` in seconds on any clock that does not go back.
  void update(const ProgressState& state, double now);
  /// The same of a line of any kind.
  void show(std::string_view line, double now);
  /// Prints a line of its own; the live line comes back with the next update.
  void print(std::string_view line);
  /// Whether one line is rewritten.
  bool live() const { return live_; }
  /// Why the first line that was lost could not be written, as errno; 0: none was lost.
  int write_error() const { return write_error_; }

 private:
  void clear();
  void put(std::string_view text);
  std::size_t columns() const;

  std::FILE* out_;
  Options options_;
  bool live_;
  bool shown_ = false;
  int write_error_ = 0;
  std::optional<double> last_;
};

}  // namespace unroll
