#pragma once
/// \file AnomalyMode: where NaN comes from.

namespace unroll {

/// While it lives, the first op of this thread whose value is NaN throws UsageError: it names the op, also inside a
/// fused expression, that made NaN of numbers, or else the input that holds it already, such as the data; and in a
/// recurrent network layer, time step and, where it can be told, gate. So does the first op that makes NaN of an
/// input's gradient. NaN that where() hides is not reported. Slow.
class AnomalyMode {
 public:
  /// With `infinite`, an infinity counts as well.
  explicit AnomalyMode(bool infinite = false);
  ~AnomalyMode();
  AnomalyMode(const AnomalyMode&) = delete;
  AnomalyMode& operator=(const AnomalyMode&) = delete;
  /// Whether one lives in this thread.
  static bool active() { return level > 0; }
  /// Whether x would be reported.
  static bool bad(double x);

 private:
  int before_;
  [[gnu::tls_model(
      "initial-exec")]] static thread_local constinit int level;  // 0 off, 1 NaN, 2 NaN and infinities
};

}  // namespace unroll
