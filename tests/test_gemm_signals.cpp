#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "unroll/detail/autograd/gemm/gemm.hpp"

#if defined(__linux__) && defined(__x86_64__)

#include <ucontext.h>

namespace {

struct Stack {
  std::uintptr_t begin = 0, end = 0;
};

Stack stack_of_this_thread() {
  pthread_attr_t attributes;
  void* begin = nullptr;
  std::size_t size = 0;
  REQUIRE(pthread_getattr_np(pthread_self(), &attributes) == 0);
  pthread_attr_getstack(&attributes, &begin, &size);
  pthread_attr_destroy(&attributes);
  const auto first = reinterpret_cast<std::uintptr_t>(begin);
  return {first, first + size};
}

Stack stack;
std::atomic<int> handled{0}, elsewhere{0};

void look(int, siginfo_t*, void* context) {
  const auto& registers = static_cast<const ucontext_t*>(context)->uc_mcontext.gregs;
  const auto pointer = static_cast<std::uintptr_t>(registers[REG_RSP]);
  ++handled;
  if (pointer < stack.begin || pointer >= stack.end) ++elsewhere;
}

/// Handles SIGUSR2 on a stack of its own, which no stack pointer of the interrupted code can harm.
class Handler {
 public:
  Handler() : memory_(1 << 16) {
    stack_t alternate{};
    alternate.ss_sp = memory_.data();
    alternate.ss_size = memory_.size();
    sigaltstack(&alternate, &stack_before_);
    struct sigaction action {};
    action.sa_sigaction = look;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigaction(SIGUSR2, &action, &action_before_);
  }
  ~Handler() {
    sigaction(SIGUSR2, &action_before_, nullptr);
    sigaltstack(&stack_before_, nullptr);
  }

 private:
  std::vector<char> memory_;
  stack_t stack_before_{};
  struct sigaction action_before_ {};
};

}  // namespace

TEST_CASE("gemm: a signal never finds the stack pointer away from the stack") {
  constexpr unroll::blas::index_t m = 48, n = 64, k = 1500;  // of few rows: oneDNN's, where there is one
  static_assert(m < unroll::blas::same_bits_rows);
  const std::vector<float> a(m * k, 1.0f), b(k * n, 1.0f);
  std::vector<float> c(m * n);
  stack = stack_of_this_thread();
  handled = elsewhere = 0;
  const Handler handler;
  std::atomic<bool> done{false};
  const pthread_t self = pthread_self();
  std::thread sender([&] {
    while (!done) {
      pthread_kill(self, SIGUSR2);
      std::this_thread::yield();
    }
  });
  using unroll::blas::Trans;
  // Some signals come between two products: as many as this leave hardly one kernel that none would meet.
  while (handled < 2000)
    unroll::blas::gemm<float>(Trans::yes, Trans::no, m, n, k, 1, a.data(), m, b.data(), n, 0, c.data(), n);
  done = true;
  sender.join();
  CHECK(elsewhere == 0);
  CHECK(c.front() == k);
}

#endif
