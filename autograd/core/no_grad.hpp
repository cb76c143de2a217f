#pragma once
/// \file NoGrad: computing without a tape.

namespace unroll {

namespace detail {
struct Recording;
}

/// While it lives, ops of this thread record nothing (a nestable scope).
class NoGrad {
 public:
  NoGrad() { ++depth; }
  ~NoGrad() { --depth; }
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;
  /// Whether one lives in this thread.
  static bool active() { return depth > 0; }

 private:
  friend struct detail::Recording;
  [[gnu::tls_model("initial-exec")]] static thread_local constinit int depth;
};

}  // namespace unroll
