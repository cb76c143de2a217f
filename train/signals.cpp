#include "unroll/train/signals.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "unroll/autograd/error.hpp"

namespace unroll {
namespace {

std::atomic<int> first_signal{0};
static_assert(std::atomic<int>::is_always_lock_free, "a handler may touch nothing else");
std::atomic<bool> installed{false};
struct sigaction before_interrupt, before_terminate;

void ask_to_stop(int signal) {
  int none = 0;
  if (!first_signal.compare_exchange_strong(none, signal) && signal == SIGINT) _exit(128 + SIGINT);
}

}  // namespace

StopSignals::StopSignals() {
  if (installed.exchange(true))
    raise<UsageError>("stop signals: already handled by another StopSignals: keep one per process");
  first_signal = 0;
  struct sigaction action {};
  action.sa_handler = ask_to_stop;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &before_interrupt);
  sigaction(SIGTERM, &action, &before_terminate);
}

StopSignals::~StopSignals() {
  sigaction(SIGINT, &before_interrupt, nullptr);
  sigaction(SIGTERM, &before_terminate, nullptr);
  installed = false;
}

int StopSignals::received() const { return first_signal; }

}  // namespace unroll
