#pragma once  // internal
/// \file Whether this thread is traced: what hooks test. It is all that the tape includes of traces.

namespace unroll::detail {

class TraceLog;

struct TraceHook {
  /// Of this thread; null where nothing traces it. Defined in trace.cpp.
  [[gnu::tls_model("initial-exec")]] static thread_local constinit TraceLog* log;
};

}  // namespace unroll::detail
