#include "unroll/detail/autograd/core/parallel.hpp"

#include <limits>
#include <optional>
#include <thread>
#include <utility>
#include <vector>
#ifdef __SSE2__
#include <xmmintrin.h>
#endif

#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/autograd/no_grad.hpp"
#include "unroll/autograd/precision.hpp"
#include "unroll/autograd/products.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/detail/autograd/base/team.hpp"

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
  bool anomaly = AnomalyMode::active();
  Precision precision = MatmulPrecision::current();
  bool infinite = AnomalyMode::bad(std::numeric_limits<double>::infinity());
};

/// While it lives, this thread works in these modes, with products of its own.
class ModeScope {
 public:
  ModeScope(const ThreadModes& modes, blas::Counters& products)
      : products_(std::this_thread::get_id() == modes.caller ? nullptr : &products),
        before_(blas::counters()),
        threads_(num_threads()),
        arithmetic_(arithmetic_mode()),
        precision_(modes.precision) {
    if (!modes.record) off_.emplace();
    if (modes.anomaly) anomaly_.emplace(modes.infinite);
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
  MatmulPrecision precision_;
  std::optional<NoGrad> off_;
  std::optional<AnomalyMode> anomaly_;
};

/// Adds to the caller's counters, at the end, what its helpers counted.
struct HelpersProducts {
  std::vector<blas::Counters> of_part;
  ~HelpersProducts() {
    for (const blas::Counters& p : of_part) {
      blas::counters().calls += p.calls;
      blas::counters().flops += p.flops;
      blas::counters().packings += p.packings;
    }
  }
};

}  // namespace

void in_parallel(int count, bool record, const std::function<void(int)>& work) {
  const ThreadModes modes{.record = record};
  HelpersProducts products{std::vector<blas::Counters>(static_cast<std::size_t>(count))};
  const auto part = [&](int s) {
    const ModeScope scope(modes, products.of_part[static_cast<std::size_t>(s)]);
    work(s);
  };
  share_parts(count, part);
}

}  // namespace unroll::detail
