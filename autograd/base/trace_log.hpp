#pragma once  // internal
/// \file What traces are made of. Where none lives, a hook is one test of a thread-local pointer.

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "unroll/detail/autograd/base/trace_hook.hpp"

namespace unroll::detail {

class TraceStore;

/// What a span is.
enum class TraceKind : std::uint8_t { op, backward, product, part, scope };

/// Something that took time, in nanoseconds since the trace began.
struct TraceEvent {
  TraceKind kind;
  std::int64_t begin, end;
  std::string name;
};

/// The events of one thread. Events of a thread nest: of any two, one contains the other, or they have no moment in
/// common. For an op, whose beginning nobody tells, mark() is the earliest moment for which that is so.
class TraceLog {
 public:
  TraceLog(TraceStore& store, std::thread::id thread) : store_(store), thread_(thread) {}

  std::int64_t now() const;
  void add(TraceKind kind, std::int64_t begin, std::int64_t end, std::string name);
  void drop() { ++dropped_; }
  /// An op was recorded.
  void add_op(std::string name);
  std::int64_t mark() const { return mark_; }
  void set_mark(std::int64_t moment) { mark_ = moment; }

  TraceStore& store() const { return store_; }
  std::thread::id thread() const { return thread_; }
  const std::vector<TraceEvent>& events() const { return events_; }
  std::size_t dropped() const { return dropped_; }

 private:
  static constexpr std::size_t most_events = 1'000'000;
  TraceStore& store_;
  std::thread::id thread_;
  std::int64_t mark_ = 0;
  std::vector<TraceEvent> events_;
  std::size_t dropped_ = 0;
};

/// The logs of all threads that take part; the first is that of the trace's own thread.
class TraceStore {
 public:
  /// That of the calling thread, which stays where it is.
  TraceLog& own_log();
  std::int64_t now() const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start_).count();
  }
  /// While no other thread adds any.
  const std::deque<TraceLog>& logs() const { return logs_; }

 private:
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start_ = Clock::now();
  std::mutex mutex_;
  std::deque<TraceLog> logs_;
};

/// A span from here to the end of the block. `name` is called only where a trace lives.
template <class Name>
class TraceSpan {
 public:
  TraceSpan(TraceKind kind, Name name) : log_(TraceHook::log), kind_(kind), name_(std::move(name)) {
    if (log_) [[unlikely]] {
      mark_ = log_->mark();
      begin_ = log_->now();
      log_->set_mark(begin_);
    }
  }
  ~TraceSpan() {
    if (log_) [[unlikely]]
      end();
  }
  TraceSpan(const TraceSpan&) = delete;
  TraceSpan& operator=(const TraceSpan&) = delete;

 private:
  [[gnu::noinline, gnu::cold]] void end() noexcept {
    const std::int64_t now = log_->now();
    // An op in the making may contain a product, or what threads share; it contains no node of a backward pass.
    log_->set_mark(kind_ == TraceKind::product || kind_ == TraceKind::part ? mark_ : now);
    try {
      log_->add(kind_, begin_, now, name_());
    } catch (...) {  // there was no memory for it
      log_->drop();
    }
  }

  TraceLog* log_;
  TraceKind kind_;
  Name name_;
  std::int64_t mark_ = 0, begin_ = 0;
};

/// While it lives, this thread adds to the trace of another; nothing if `store` is null.
class UseTrace {
 public:
  explicit UseTrace(TraceStore* store) : before_(TraceHook::log) {
    if (store && !(before_ && &before_->store() == store)) [[unlikely]]
      enter(*store);
  }
  ~UseTrace() { TraceHook::log = before_; }
  UseTrace(const UseTrace&) = delete;
  UseTrace& operator=(const UseTrace&) = delete;

 private:
  static void enter(TraceStore& store);
  TraceLog* before_;
};

}  // namespace unroll::detail
