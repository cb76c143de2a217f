#pragma once
/// \file What a training step does when, on which thread: for Perfetto and other readers of Chrome's format.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace unroll {

namespace detail {
class TraceLog;
class TraceStore;
}  // namespace detail

/// What:   while it lives, notes what this thread does, and helpers do for it: ops as they are recorded, backward passes
///         and their nodes, products with their sizes, parts that threads share, and the program's own TraceScope.
///
///     Trace trace;
///     train_step();
///     write_trace("step.json", trace);  // <unroll/io/write_trace.hpp>
///
/// An op lasts from the end of what its thread did before to the moment when it is recorded, and so includes whatever the
/// program did in between. Ops that are not recorded, as under NoGrad, are not shown; their products are.
/// Of several on a thread, the one made last notes.
/// Cost:   each event reads the clock and makes its name; where no trace lives, a hook is a test of a thread-local pointer.
/// Limits: the first million events of each thread; dropped() counts the others.
/// Thread rule: it ends on the thread that made it.
class Trace {
 public:
  /// Begins to note.
  Trace();
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  /// Events so far, of all threads.
  std::size_t size() const;
  /// Those that were not noted.
  std::size_t dropped() const;
  /// What:   those so far in Chrome's trace-event format, as JSON: complete events ("ph": "X") in microseconds since the
  ///         trace began, which nest on each thread; "cat" is op, backward, product, part or scope.
  /// Limits: a character of a name that is not ASCII becomes a question mark.
  std::string json() const;

 private:
  std::unique_ptr<detail::TraceStore> store_;
  detail::TraceLog* outer_;
};

/// What:   a part of the program that a trace shows by this name, such as "forward" or "update".
/// Cost:   where no trace lives, a test of a thread-local pointer.
/// Lifetime: scopes of a thread end in reverse order, and before the trace that they began in.
class TraceScope {
 public:
  /// Begins it.
  explicit TraceScope(std::string_view name);
  ~TraceScope();
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

 private:
  detail::TraceLog* log_;
  std::string name_;
  long long begin_ = 0;
};

}  // namespace unroll
