#include "unroll/detail/autograd/core/parallel.hpp"

#include <exception>
#include <optional>
#include <thread>
#include <utility>
#include <vector>
#ifdef __SSE2__
#include <xmmintrin.h>
#endif

#include "unroll/autograd/no_grad.hpp"
#include "unroll/autograd/products.hpp"
#include "unroll/autograd/threads.hpp"

namespace unroll::detail {
namespace {

#ifdef __SSE2__
unsigned arithmetic_mode() { return _mm_getcsr(); }
void set_arithmetic_mode(unsigned mode) { _mm_setcsr(mode); }
#else
unsigned arithmetic_mode() { return 0; }
void set_arithmetic_mode(unsigned) {}
#endif

/// What a thread takes over from the one that divides the work.
struct ThreadModes {
  std::thread::id caller = std::this_thread::get_id();
  bool record;
  unsigned arithmetic = arithmetic_mode();  // whether denormal numbers count
};

/// While it lives, this thread works in these modes, with products of its own.
class ModeScope {
 public:
  ModeScope(const ThreadModes& modes, blas::Counters& products)
      : products_(std::this_thread::get_id() == modes.caller ? nullptr : &products),
        before_(blas::counters()),
        threads_(num_threads()),
        arithmetic_(arithmetic_mode()) {
    if (!modes.record) off_.emplace();
    set_num_threads(1);
    set_arithmetic_mode(modes.arithmetic);
  }
  ~ModeScope() {
    set_num_threads(threads_);
    set_arithmetic_mode(arithmetic_);
    if (!products_) return;
    products_->calls = blas::counters().calls - before_.calls;
    products_->flops = blas::counters().flops - before_.flops;
    products_->packings = blas::counters().packings - before_.packings;
  }
  ModeScope(const ModeScope&) = delete;
  ModeScope& operator=(const ModeScope&) = delete;

 private:
  blas::Counters* products_;  // null on the caller's own thread, which counts them itself
  blas::Counters before_;
  int threads_;
  unsigned arithmetic_;
  std::optional<NoGrad> off_;
};

}  // namespace

void in_parallel(int count, bool record, const std::function<void(int)>& work) {
  const ThreadModes modes{.record = record};
  std::vector<blas::Counters> products(static_cast<std::size_t>(count));
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(count));
#ifdef _OPENMP
#pragma omp parallel for num_threads(count) schedule(static, 1)
#endif
  for (int s = 0; s < count; ++s) {
    try {
      const ModeScope scope(modes, products[static_cast<std::size_t>(s)]);
      work(s);
    } catch (...) {
      errors[static_cast<std::size_t>(s)] = std::current_exception();
    }
  }
  for (const blas::Counters& p : products) {
    blas::counters().calls += p.calls;
    blas::counters().flops += p.flops;
    blas::counters().packings += p.packings;
  }
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
}

}  // namespace unroll::detail
