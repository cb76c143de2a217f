#pragma once  // internal
/// \file Values that leave the graph: what a program computes from them is not seen by whoever records it.

#include "unroll/detail/autograd/core/tensor.hpp"

namespace unroll::detail {

/// While it lives, notes whether this thread reads the value of an op's result outside ops: by value(), item(), data(),
/// or detach(). They nest; the inner one notes.
class HostReads {
 public:
  /// `leaves`: notes also those of arrays that no recorded op has made.
  explicit HostReads(bool leaves = false) : leaves_(leaves), outer_(innermost) { innermost = this; }
  ~HostReads() { innermost = outer_; }
  HostReads(const HostReads&) = delete;
  HostReads& operator=(const HostReads&) = delete;
  /// The first function that read one; null where none did.
  const char* by() const { return by_; }

  template <class T>
  static void note(const Tensor<T>& t, const char* function) {
    if (innermost && (t.creator || innermost->leaves_) && !innermost->by_) innermost->by_ = function;
  }

 private:
  bool leaves_;
  HostReads* outer_;
  const char* by_ = nullptr;
  [[gnu::tls_model("initial-exec")]] static thread_local constinit HostReads* innermost;
};

}  // namespace unroll::detail
