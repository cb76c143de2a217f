#pragma once
/// \file A long sequence cut into parallel streams and windows, for truncated backpropagation through time.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstdint>
#include <string_view>
#include <vector>

#include "unroll/data/symbol_ids.hpp"

namespace unroll {

/// One window: element (t, b), at t * batch + b, of `inputs` is a symbol of stream b, and of `targets` the
/// symbol that follows it.
/// Shapes: both (steps, batch).
struct Window {
  std::int64_t steps = 0;             ///< T, or fewer in the last window
  std::int64_t batch = 0;             ///< B, the number of streams
  std::vector<std::int64_t> inputs;   ///< (steps, batch)
  std::vector<std::int64_t> targets;  ///< (steps, batch)
};

/// Symbols, n of them, cut into B streams of C = (n - 1) // B columns; stream b begins at symbol b * C, and
/// its windows of T columns follow one another, the last one shorter if T does not divide C. Up to B - 1
/// symbols at the end of the sequence remain unused. The symbols stay where they are: of a file, a window reads its own.
class Streams {
 public:
  /// `name` stands in the messages.
  /// Errors: UsageError if batch or window < 1; DataError with the remedy if there are fewer than batch + 1
  ///         symbols.
  Streams(SymbolIds ids, std::int64_t batch, std::int64_t window, std::string_view name);

  /// The number of streams, B.
  std::int64_t batch() const { return batch_; }
  /// The length of a stream, C.
  std::int64_t columns() const { return columns_; }
  /// Number of windows, at least 1.
  std::int64_t windows() const { return 1 + (columns_ - 1) / window_; }
  /// Number of targets in all windows together.
  std::int64_t targets() const { return columns_ * batch_; }

  /// Window `index` of every stream.
  /// Errors: IndexError if `index` is not in [0, windows()); DataError as the symbols' source.
  Window window(std::int64_t index) const { return window(index, 0, batch_); }
  /// The same of the streams [first, last) alone; no other symbols are read.
  /// Errors: also IndexError for streams that there are not.
  Window window(std::int64_t index, std::int64_t first, std::int64_t last) const;

 private:
  SymbolIds ids_;
  std::int64_t batch_, window_, columns_;
};

/// Where a sequence of n symbols divides: [0, train) trains, [train, n) validates.
struct Split {
  std::int64_t train, valid;  ///< where each part ends
};

/// The first floor(n (1 - valid_fraction)) train, the rest validates: by position, nothing is shuffled.
/// Errors: UsageError if the fraction is not in [0, 1) or n < 0.
Split split_by_position(std::int64_t n, double valid_fraction);

}  // namespace unroll
