#pragma once  // internal
/// \file Values that leave the graph: what a program computes from them is not seen by whoever records it.

#include "unroll/detail/autograd/core/tensor.hpp"

namespace unroll::detail {

/// While it lives, notes whether this thread reads the value of an op's result outside ops: by value(), item(), data(),
/// or detach(). They nest; the inner one notes.
class HostReads {
 public:
  /// `all`: notes also those of arrays that no recorded op has made, changes of values, and ops that are not recorded.
  explicit HostReads(bool all = false) : all_(all), outer_(innermost) { innermost = this; }
  ~HostReads() { innermost = outer_; }
  HostReads(const HostReads&) = delete;
  HostReads& operator=(const HostReads&) = delete;
  /// The first function that read one; null where none did.
  const char* by() const { return by_; }

  template <class T>
  static void note(const Tensor<T>& t, const char* function) {
    if (innermost && (t.creator || innermost->all_) && !innermost->by_) innermost->by_ = function;
  }
  static void note_unrecorded_op() {
    if (innermost && innermost->all_) innermost->unrecorded_ = true;
  }
  static void note_change() {
    if (innermost && innermost->all_) innermost->changes_ = true;
  }
  /// Whether an op was done that is not recorded, and whether a value was changed by update() or mutable_data().
  bool unrecorded() const { return unrecorded_; }
  bool changes() const { return changes_; }

 private:
  bool all_, unrecorded_ = false, changes_ = false;
  HostReads* outer_;
  const char* by_ = nullptr;
  [[gnu::tls_model("initial-exec")]] static thread_local constinit HostReads* innermost;
};

}  // namespace unroll::detail
