#include "unroll/detail/autograd/base/team.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "unroll/detail/autograd/base/signals_wait.hpp"
#include "unroll/detail/autograd/base/trace_log.hpp"

namespace unroll::detail {
namespace {

using Whom = PartsGoTo::Whom;
thread_local constinit Whom parts_go_to = Whom::whoever_is_free;
thread_local constinit bool alone =
    false;  // whether this thread has to do all parts: it is in one, or about to end

// As long as it takes to wake a thread up: less would often pay for both, and more is taken from other programs.
constexpr std::chrono::microseconds patience{50};

void rest_a_moment() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Returns when `a` is no longer `old`.
void await_change(const std::atomic<int>& a, int old) {
  const auto end = std::chrono::steady_clock::now() + patience;
  do {
    for (int i = 0; i < 32; ++i, rest_a_moment())
      if (a.load(std::memory_order_acquire) != old) return;
  } while (std::chrono::steady_clock::now() < end);
  a.wait(old, std::memory_order_acquire);
}

std::exception_ptr error_of(const PartFunction& work, int part) {
  try {
    const TraceSpan span(TraceKind::part, [=] { return "part " + std::to_string(part); });
    work(part);
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

/// Does them all, and gives the first error.
std::exception_ptr error_of_all(const PartFunction& work, int count) {
  std::exception_ptr first;
  for (int part = 0; part < count; ++part)
    if (const std::exception_ptr error = error_of(work, part); !first) first = error;
  return first;
}

/// A part that the caller offers, and the helper that is woken for it. Whoever changes `open` to `taken` does it.
struct alignas(64) Offer {
  enum State { none, open, taken, end };
  std::atomic<int> state{none};
  const PartFunction* work = nullptr;
  int part = 0;
  TraceStore* trace = nullptr;  ///< of the caller
  std::exception_ptr error;
  std::thread helper;  // joinable, if the system gave one

  bool take() {
    int expected = open;
    return state.load(std::memory_order_relaxed) == open &&
           state.compare_exchange_strong(expected, taken, std::memory_order_acquire,
                                         std::memory_order_relaxed);
  }
};

double seconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Whether to call on helpers, by the seconds of work that were done in a second with them and without. On a busy machine
/// they may be in the way of their caller: what it waits for is done when the system gives the helper its turn again.
class Judgement {
 public:
  bool for_helpers() const { return helpers_; }
  /// `work` seconds of processor time, about, were done in `time` seconds.
  void note(double work, double time) {
    work_ += work;
    time_ += time;
    if (time_ < window) return;
    const double rate = std::exchange(work_, 0) / std::exchange(time_, 0);
    if (trial_) return end_trial(rate);
    rate_ = rate;
    if (helpers_ && rate >= 1) {  // more than one thread can do
      hold_ = shortest_hold;
      left_ = 0;
    } else if (left_ > 0) {
      --left_;
    } else {
      helpers_ = !helpers_;
      trial_ = true;
    }
  }

 private:
  static constexpr double window = 0.02;
  static constexpr int shortest_hold = 4, longest_hold = 32;  // windows from trial to trial

  void end_trial(double rate) {
    trial_ = false;
    if (rate > rate_) {
      hold_ = shortest_hold;
    } else {
      helpers_ = !helpers_;
      hold_ = std::min(2 * hold_, longest_hold);
    }
    left_ = hold_;
  }

  bool helpers_ = true, trial_ = false;
  int hold_ = shortest_hold, left_ = 0;
  double work_ = 0, time_ = 0, rate_ = 0;
};

/// A thread's helpers.
class Team {
 public:
  Team() = default;
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  ~Team() {
    alone = true;
    const bool forked = getpid() != process_;  // the copy of a process has one thread
    for (const auto& offer : offers_) {
      if (!offer->helper.joinable()) continue;
      if (forked) {
        offer->helper.detach();
        continue;
      }
      offer->state.store(Offer::end, std::memory_order_release);
      offer->state.notify_one();
      offer->helper.join();
    }
  }

  void share(int count, const PartFunction& work) {
    const bool judged = parts_go_to == Whom::whoever_is_free;
    if (judged && !judgement_.for_helpers()) {
      const double began = seconds(CLOCK_MONOTONIC), processor = seconds(CLOCK_THREAD_CPUTIME_ID);
      alone = true;
      const std::exception_ptr error = error_of_all(work, count);
      alone = false;
      judgement_.note(seconds(CLOCK_THREAD_CPUTIME_ID) - processor, seconds(CLOCK_MONOTONIC) - began);
      if (error) std::rethrow_exception(error);
      return;
    }
    grow(count - 1);
    const double began = seconds(CLOCK_MONOTONIC);
    const double own = share_with_helpers(count, work);
    if (judged) judgement_.note(count * own, seconds(CLOCK_MONOTONIC) - began);
    if (std::exception_ptr error = std::exchange(error_, nullptr)) std::rethrow_exception(error);
  }

 private:
  void grow(int count) {
    offers_.reserve(static_cast<std::size_t>(count));
    while (offers_.size() < static_cast<std::size_t>(count)) {
      offers_.push_back(std::make_unique<Offer>());
      try {
        const SignalsWait none;
        offers_.back()->helper = std::thread([this, own = offers_.back().get()] { help(*own); });
      } catch (const std::system_error&) {  // no more threads: its parts are the caller's
      }
    }
  }

  static void open(Offer& offer, int part, const PartFunction& work) {
    offer.work = &work;
    offer.part = part;
    offer.trace = TraceHook::log ? &TraceHook::log->store() : nullptr;
    offer.state.store(Offer::open, std::memory_order_release);
    if (offer.helper.joinable()) offer.state.notify_one();
  }

  // Nothing, if another thread has taken it.
  void do_part(Offer& offer) {
    if (!offer.take()) return;
    {
      const UseTrace trace(offer.trace);
      offer.error = error_of(*offer.work, offer.part);
    }
    offer.state.store(Offer::none, std::memory_order_release);
    if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_one();
  }

  void help(Offer& own) {
    alone = true;
    for (;;) {
      const int state = own.state.load(std::memory_order_acquire);
      if (state == Offer::end) return;
      if (state == Offer::open) do_part(own);
      if (state != Offer::open) await_change(own.state, state);
    }
  }

  void keep_first_error(bool own_first, const std::exception_ptr& own, int others) {
    if (own_first) error_ = own;
    for (int k = 0; k < others; ++k)
      if (const std::exception_ptr its = std::exchange(offer(k).error, nullptr); !error_) error_ = its;
    if (!error_) error_ = own;
  }

  // The processor time of the caller's own part; error_ is the first part's that threw.
  double share_with_helpers(int count, const PartFunction& work) {
    const int others = count - 1, own = parts_go_to == Whom::last_to_caller ? others : 0;
    alone = true;
    unfinished_.store(others, std::memory_order_relaxed);
    for (int k = 0; k < others; ++k) open(offer(k), k < own ? k : k + 1, work);
    const double began = seconds(CLOCK_THREAD_CPUTIME_ID);
    const std::exception_ptr error = error_of(work, own);
    const double time = seconds(CLOCK_THREAD_CPUTIME_ID) - began;
    for (int k = 0; k < others; ++k)
      if (parts_go_to == Whom::whoever_is_free || !offer(k).helper.joinable()) do_part(offer(k));
    while (const int left = unfinished_.load(std::memory_order_acquire)) await_change(unfinished_, left);
    alone = false;
    keep_first_error(own == 0, error, others);
    return time;
  }

  Offer& offer(int k) { return *offers_[static_cast<std::size_t>(k)]; }

  std::vector<std::unique_ptr<Offer>> offers_;
  std::atomic<int> unfinished_{0};
  std::exception_ptr error_;
  Judgement judgement_;
  const pid_t process_ = getpid();
};

}  // namespace

void share_parts(int count, const PartFunction& work) {
  if (count > 1 && !alone && parts_go_to != Whom::caller) {
    thread_local Team team;
    return team.share(count, work);
  }
  if (const std::exception_ptr error = error_of_all(work, count)) std::rethrow_exception(error);
}

PartsGoTo::PartsGoTo(Whom whom) : before_(std::exchange(parts_go_to, whom)) {}
PartsGoTo::~PartsGoTo() { parts_go_to = before_; }

}  // namespace unroll::detail
