#pragma once  // internal
/// \file Signals of a thread that must not be interrupted.

#include <signal.h>

namespace unroll::detail {

/// While it lives, this thread's signals wait; threads that it starts meanwhile get none.
class SignalsWait {
 public:
  SignalsWait() {
    sigset_t mask;
    sigfillset(&mask);
    // A fault ends a process whose handler has to wait, and says nothing.
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) sigdelset(&mask, fault);
    pthread_sigmask(SIG_BLOCK, &mask, &before_);
  }
  ~SignalsWait() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsWait(const SignalsWait&) = delete;
  SignalsWait& operator=(const SignalsWait&) = delete;

 private:
  sigset_t before_;
};

}  // namespace unroll::detail
