#include "unroll/autograd/trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "unroll/detail/autograd/base/trace_log.hpp"

namespace unroll {
namespace detail {

thread_local constinit TraceLog* TraceHook::log = nullptr;

std::int64_t TraceLog::now() const { return store_.now(); }

void TraceLog::add(TraceKind kind, std::int64_t begin, std::int64_t end, std::string name) {
  if (events_.size() >= most_events)
    drop();
  else
    events_.push_back({kind, begin, end, std::move(name)});
}

void TraceLog::add_op(std::string name) {
  const std::int64_t moment = now();
  add(TraceKind::op, std::exchange(mark_, moment), moment, std::move(name));
}

TraceLog& TraceStore::own_log() {
  const std::scoped_lock lock(mutex_);
  const auto self = std::this_thread::get_id();
  const auto found = std::ranges::find(logs_, self, &TraceLog::thread);
  return found != logs_.end() ? *found : logs_.emplace_back(*this, self);
}

void UseTrace::enter(TraceStore& store) {
  TraceHook::log = &store.own_log();
  TraceHook::log->set_mark(store.now());
}

namespace {

/// As it stands in a JSON string.
std::string json_text(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      (result += '\\') += c;
    else if (byte < 0x20 || byte == 0x7F)
      result += fmt::format("\\u{:04x}", byte);
    else if (byte < 0x80)
      result += c;
    else if (byte >= 0xC0)  // the bytes that follow belong to the same character
      result += '?';
  }
  return result;
}

std::string json_of(const TraceEvent& e, std::size_t thread) {
  static constexpr std::array kinds{"op", "backward", "product", "part", "scope"};
  // Microseconds with three digits are whole nanoseconds: what nests still does.
  const auto micro = [](std::int64_t ns) { return fmt::format("{}.{:03}", ns / 1000, ns % 1000); };
  return fmt::format(R"({{"name":"{}","cat":"{}","ph":"X","ts":{},"dur":{},"pid":1,"tid":{}}})",
                     json_text(e.name), kinds[static_cast<std::size_t>(e.kind)], micro(e.begin),
                     micro(e.end - e.begin), thread);
}

}  // namespace
}  // namespace detail

using detail::TraceHook;
using detail::TraceLog;

Trace::Trace() : store_(std::make_unique<detail::TraceStore>()), outer_(TraceHook::log) {
  TraceHook::log = &store_->own_log();
}
Trace::~Trace() { TraceHook::log = outer_; }

std::size_t Trace::size() const {
  std::size_t count = 0;
  for (const TraceLog& log : store_->logs()) count += log.events().size();
  return count;
}

std::size_t Trace::dropped() const {
  std::size_t count = 0;
  for (const TraceLog& log : store_->logs()) count += log.dropped();
  return count;
}

std::string Trace::json() const {
  std::string text = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n";
  text += R"({"name":"process_name","ph":"M","pid":1,"args":{"name":"unroll"}})";
  std::size_t thread = 0;
  for (const TraceLog& log : store_->logs()) {
    ++thread;
    text += fmt::format(
        ",\n{{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":1,\"tid\":{},\"args\":{{\"name\":\"{}\"}}}}",
        thread, thread == 1 ? "caller" : fmt::format("helper {}", thread - 1));
    std::vector<const detail::TraceEvent*> events;
    for (const detail::TraceEvent& e : log.events()) events.push_back(&e);
    // An event before those that it contains.
    std::ranges::stable_sort(events, [](const auto* a, const auto* b) {
      return a->begin != b->begin ? a->begin < b->begin : a->end > b->end;
    });
    for (const detail::TraceEvent* e : events) text += ",\n" + detail::json_of(*e, thread);
  }
  return text + "\n]}\n";
}

TraceScope::TraceScope(std::string_view name) : log_(TraceHook::log) {
  if (!log_) return;
  name_ = name;
  begin_ = log_->now();
  log_->set_mark(begin_);
}

TraceScope::~TraceScope() {
  if (!log_) return;
  const std::int64_t now = log_->now();
  log_->set_mark(now);
  try {
    log_->add(detail::TraceKind::scope, begin_, now, std::move(name_));
  } catch (...) {  // there was no memory for it
    log_->drop();
  }
}

}  // namespace unroll
