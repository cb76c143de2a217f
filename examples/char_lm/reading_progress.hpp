#pragma once
/// \file How far the reading of a large text is.

#include "char_lm/corpus.hpp"
#include "unroll/train/progress.hpp"

namespace unroll::char_lm {

/// Shows on standard output how much of a text was read, and ends the reading where a signal asks to stop; of a text
/// that is not large it shows nothing.
class ReadingProgress {
 public:
  /// `bytes` of a text are to be read `passes` times.
  ReadingProgress(std::string name, std::uint64_t bytes, int passes, bool shown);
  /// So many bytes of pass `pass`, from 0, were read.
  /// Errors: Stopped.
  void reached(int pass, std::uint64_t position);
  /// Since the beginning.
  double seconds() const;

 private:
  std::string name_;
  std::uint64_t bytes_;
  int passes_;
  bool shown_;
  double begin_;
  Progress progress_;
};

}  // namespace unroll::char_lm
