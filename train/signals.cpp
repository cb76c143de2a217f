#include "unroll/train/signals.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>

#include "unroll/autograd/error.hpp"

namespace unroll {
namespace {

std::atomic<int> first_signal{0};
static_assert(std::atomic<int>::is_always_lock_free, "a handler may touch nothing else");
std::atomic<bool> installed{false};
constexpr std::array handled{SIGINT, SIGTERM, SIGUSR1, SIGHUP, SIGPIPE};
std::array<struct sigaction, handled.size()> before;

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
  for (std::size_t k = 0; k < handled.size(); ++k) {
    sigaction(handled[k], &action, &before[k]);
    if (handled[k] == SIGHUP && before[k].sa_handler == SIG_IGN) sigaction(SIGHUP, &before[k], nullptr);
  }
}

StopSignals::~StopSignals() {
  for (std::size_t k = 0; k < handled.size(); ++k) sigaction(handled[k], &before[k], nullptr);
  installed = false;
}

int StopSignals::received() { return first_signal; }

}  // namespace unroll
