#include "unroll/detail/layers/scan/shards.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <exception>
#include <thread>
#ifdef __SSE2__
#include <xmmintrin.h>
#endif

#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/products.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/detail/autograd/core/deferred.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll::detail {
namespace {

// Fewer rows than these make slow products, and less work than this is done before the threads have begun.
constexpr index_t least_rows = 4;
constexpr double least_work = 4e6;  // multiply-adds of all steps

/// The rows [first, first + count) of a batch, and what one thread makes of them.
template <class T>
struct Shard {
  index_t first, count;
  Tape<T> tape = {};                     // outlives what is recorded on it
  std::vector<Variable<T>> wholes = {};  // leaves over the parameters, and over the table of an embedding
  std::shared_ptr<const AnyCell<T>> cell = {};
  Variable<T> x = {};  // leaf; empty where the input is looked up in a table
  Indices looked_up = {};
  std::vector<Variable<T>> state = {};  // leaves
  AnyScanned<T> result = {};
  std::vector<DeferredProduct<T>> waiting = {};
  blas::Counters products = {};
  std::exception_ptr error = {};
};
template <class T>
using Shards = std::vector<std::unique_ptr<Shard<T>>>;

/// Makes a thread work as the one that called scan does, with products of its own.
class AsCaller {
 public:
  struct Modes {
    std::thread::id caller = std::this_thread::get_id();
    bool records;
    unsigned arithmetic = arithmetic_mode();  // whether denormal numbers count
  };
  AsCaller(const Modes& modes, blas::Counters& products)
      : products_(std::this_thread::get_id() == modes.caller ? nullptr : &products),
        before_(blas::counters()),
        threads_(num_threads()),
        arithmetic_(arithmetic_mode()) {
    if (!modes.records) off_.emplace();
    set_num_threads(1);
    set_arithmetic_mode(modes.arithmetic);
  }
  ~AsCaller() {
    set_num_threads(threads_);
    set_arithmetic_mode(arithmetic_);
    if (!products_) return;
    products_->calls = blas::counters().calls - before_.calls;
    products_->flops = blas::counters().flops - before_.flops;
    products_->packings = blas::counters().packings - before_.packings;
  }
  AsCaller(const AsCaller&) = delete;
  AsCaller& operator=(const AsCaller&) = delete;

 private:
#ifdef __SSE2__
  static unsigned arithmetic_mode() { return _mm_getcsr(); }
  static void set_arithmetic_mode(unsigned mode) { _mm_setcsr(mode); }
#else
  static unsigned arithmetic_mode() { return 0; }
  static void set_arithmetic_mode(unsigned) {}
#endif

  blas::Counters* products_;  // null on the caller's own thread, which counts them itself
  blas::Counters before_;
  int threads_;
  unsigned arithmetic_;
  std::optional<NoGrad> off_;
};

/// Does work(shard) for each, by as many threads, and throws what the first of them threw.
template <class T, class Work>
void in_parallel(const Shards<T>& shards, bool records, Work&& work) {
  const AsCaller::Modes modes{.records = records};
  const int count = static_cast<int>(shards.size());
#ifdef _OPENMP
#pragma omp parallel for num_threads(count) schedule(static, 1)
#endif
  for (int s = 0; s < count; ++s) {
    Shard<T>& shard = *shards[static_cast<std::size_t>(s)];
    try {
      shard.products = {};
      const AsCaller as_caller(modes, shard.products);
      const UseTape<T> tape(shard.tape);
      work(shard);
    } catch (...) {
      shard.error = std::current_exception();
    }
  }
  for (const auto& shard : shards) {
    blas::counters().calls += shard->products.calls;
    blas::counters().flops += shard->products.flops;
    blas::counters().packings += shard->products.packings;
  }
  for (const auto& shard : shards)
    if (shard->error) std::rethrow_exception(std::exchange(shard->error, nullptr));
}

/// A shard's rows of an array whose axis `axis` is the batch: f(place in the array, among the rows, how
/// many).
template <class T, class F>
void for_rows(const Shard<T>& shard, const Shape& shape, int axis, index_t run, index_t pitch, F&& f) {
  index_t outer = 1, inner = 1;
  for (int k = 0; k < shape.rank(); ++k) (k < axis ? outer : inner) *= k == axis ? 1 : shape[k];
  const index_t n = shard.count * inner;
  for (index_t o = 0; o < outer; ++o) {
    for (index_t done = 0, m = 0; done < n; done += m) {
      const index_t at = (o * shape[axis] + shard.first) * inner + done;
      m = std::min(n - done, run - at % run);
      f(at / run * pitch + at % run, o * n + done, m);
    }
  }
}

/// A copy of the shard's rows of `data`, laid out as in `like`, as a leaf.
template <class T>
Variable<T> rows_of(const Shard<T>& shard, const Shape& shape, int axis, const GradSlot<T>& from) {
  auto rows = Variable<T>::uninitialised(shape.with(axis, shard.count));
  for_rows(shard, shape, axis, from.run, from.pitch, [&](index_t at, index_t to, index_t n) {
    std::copy_n(from.data + at, n, rows.tensor()->data + to);
  });
  return rows;
}
template <class T>
Variable<T> rows_of(const Shard<T>& shard, const Tensor<T>& t, int axis, bool requires_grad) {
  return rows_of<T>(shard, t.shape, axis, {t.data, t.run, t.pitch, true}).requires_grad(requires_grad);
}

/// A leaf of the same values, so that no two threads count references to one.
template <class T>
Variable<T> leaf_over(const Tensor<T>& t, bool requires_grad) {
  const TensorRef<T> leaf = Tensor<T>::alias(t.storage, t.data, t.shape, t.run, t.pitch);
  if (t.extras) leaf->extra().name = t.extras->name;
  return Variable<T>(leaf).requires_grad(requires_grad);
}

/// Inputs: parameters, then the table of an embedding or x, then the members of the state.
template <class T>
class ShardedScan final : public Node<T> {
 public:
  explicit ShardedScan(Shards<T> shards) : shards_(std::move(shards)) {}

  void backward() override {
    std::vector<GradSlot<T>> slots(this->input_count());
    for (std::size_t k = wholes(); k < slots.size(); ++k)
      if (this->wants(k)) slots[k] = open_grad(this->input(k));
    for (const auto& shard : shards_) tell_wanted(*shard, true);
    const bool retain = this->retaining();
    in_parallel(shards_, true, [&](Shard<T>& shard) {
      run_back(shard, retain);
      for (std::size_t k = wholes(); k < slots.size(); ++k)
        if (slots[k]) hand_on_rows(shard, k, slots[k]);
    });
    for (const auto& shard : shards_) {
      hand_on_products(*shard);
      for (std::size_t k = 0; k < wholes(); ++k) hand_on(*shard->wholes[k].tensor(), k);
      tell_wanted(*shard, false);
    }
    if (!retain) shards_.clear();
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>&) override {
    raise<UsageError>(
        "grad: a scan divided over threads has no second derivative; call set_num_threads(1) before "
        "the forward pass, or leave create_graph off");
  }
  std::string name() const override { return "scan"; }

 private:
  std::size_t wholes() const { return shards_.front()->wholes.size(); }

  static Variable<T>& leaf(Shard<T>& shard, std::size_t k) {
    const std::size_t n = shard.wholes.size(), rows = shard.x ? 1 : 0;
    return k < n ? shard.wholes[k] : k < n + rows ? shard.x : shard.state[k - n - rows];
  }

  // What grad() did not ask for is not computed.
  void tell_wanted(Shard<T>& shard, bool running) {
    for (std::size_t k = 0; k < this->input_count(); ++k)
      leaf(shard, k).tensor()->requires_grad = this->input(k).requires_grad && (!running || this->wants(k));
  }

  void run_back(Shard<T>& shard, bool retain) {
    std::vector<TensorRef<T>> roots;
    std::vector<Variable<T>> seeds;
    const auto add = [&](std::size_t k, const Variable<T>& result, int axis) {
      const Tensor<T>* out = this->output(k);
      if (!out || out->grad_state != GradState::full || !result.requires_grad()) return;
      roots.push_back(result.ref());
      seeds.push_back(rows_of(shard, out->shape, axis, grad_layout(*out)));
    };
    add(0, shard.result.output, 1);
    for (std::size_t m = 0; m < shard.result.state.size(); ++m) add(m + 1, shard.result.state[m], 0);
    if (!roots.empty()) shard.tape.backward(roots, seeds, {.retain = retain, .waiting = &shard.waiting});
  }

  void hand_on_rows(Shard<T>& shard, std::size_t k, const GradSlot<T>& to) {
    const bool is_x = k == wholes() && shard.x;
    Tensor<T>& own = *leaf(shard, k).tensor();
    const T* from = own.grad_state == GradState::full ? own.grad : nullptr;
    for_rows(shard, this->input(k).shape, is_x ? 1 : 0, to.run, to.pitch,
             [&](index_t at, index_t i, index_t n) {
               if (from) {
                 store_or_add(to.data + at, n, to.add, from + i);
               } else if (!to.add) {
                 std::fill_n(to.data + at, n, T{0});
               }
             });
    clear_grad(own);
  }

  // Products of leaves wait on for the end of the whole pass; the others are needed by the next op.
  void hand_on_products(Shard<T>& shard) {
    DeferredBuffers<T> buffers;
    for (DeferredProduct<T>& product : shard.waiting) {
      std::size_t k = 0;
      while (shard.wholes[k].tensor() != product.parameter.get()) ++k;
      if (!this->input(k).is_leaf()) {
        flush_product(product, buffers);
      } else {
        for (DeferredUse<T>& use : product.uses) defer(this->input(k), std::move(use));
      }
    }
    shard.waiting.clear();
  }

  void hand_on(Tensor<T>& own, std::size_t k) {
    if (own.grad_state == GradState::full && this->wants(k)) {
      const index_t size = own.shape.size();
      write_gradient<T>(open_grad(this->input(k)), size, own.grad, size, size);
    }
    clear_grad(own);
  }

  Shards<T> shards_;
};

/// Makes shards of a scan and runs them.
template <class T>
class Sharding {
 public:
  using Members = std::vector<Variable<T>>;

  Sharding(const AnyCell<T>& cell, const ScanOptions& options, const Variable<T>& xs, const Members& state)
      : options_(options), xs_(xs), state_(state) {
    cell.with_parameters([&](const Variable<T>& p) {
      parameters_.push_back(p);
      return p;
    });
    const Node<T>* creator = xs.tensor()->creator.get();
    const Indices* rows = creator ? creator->lookup() : nullptr;
    if (!rows || xs.tensor()->observed() || 2 * creator->input(0).shape[0] > rows->size()) return;
    table_ = Variable<T>(TensorRef<T>(&creator->input(0)));
    looked_up_ = rows;
  }

  bool pays() const {
    index_t weights = 0;
    for (const Variable<T>& p : parameters_) weights += p.size();
    return static_cast<double>(weights * xs_.shape()[0] * xs_.shape()[1]) >= least_work;
  }

  AnyScanned<T> run(const AnyCell<T>& cell, int count) {
    PoolVector<Tensor<T>*> inputs;
    for (const Variable<T>& p : parameters_) inputs.push_back(p.tensor());
    inputs.push_back(looked_up_ ? table_.tensor() : xs_.tensor());
    for (const Variable<T>& v : state_) inputs.push_back(v.tensor());
    const bool recorded = begin_op<T>("scan", inputs);
    Shards<T> shards;
    for (int s = 0; s < count; ++s) shards.push_back(make(cell, s, count, recorded));
    in_parallel(shards, recorded, [&](Shard<T>& shard) { run_shard(shard, recorded); });

    AnyScanned<T> result = joined(shards, recorded);
    if (!recorded) return result;
    Members outputs = result.state;
    outputs.insert(outputs.begin(), result.output);
    record_op<ShardedScan<T>>(inputs, outputs, std::move(shards));
    return result;
  }

 private:
  // On the caller's thread, because it counts references to what the threads share.
  std::unique_ptr<Shard<T>> make(const AnyCell<T>& cell, int number, int count, bool recorded) const {
    const index_t batch = xs_.shape()[1], first = number * batch / count;
    auto shard = std::unique_ptr<Shard<T>>(new Shard<T>{first, (number + 1) * batch / count - first});
    const auto leaf = [&](const Variable<T>& p) {
      shard->wholes.push_back(leaf_over(*p.tensor(), recorded && p.requires_grad()));
      return shard->wholes.back();
    };
    shard->cell = cell.with_parameters(leaf);
    if (looked_up_) leaf(table_);
    return shard;
  }

  Indices rows_of_indices(const Shard<T>& shard, const Indices& all, int axis) const {
    std::vector<std::int64_t> values(static_cast<std::size_t>(all.size() / all.shape()[axis] * shard.count));
    for_rows(shard, all.shape(), axis, all.size(), all.size(), [&](index_t at, index_t to, index_t n) {
      for (index_t i = 0; i < n; ++i) values[static_cast<std::size_t>(to + i)] = all[at + i];
    });
    return {all.shape().with(axis, shard.count), values};
  }

  void run_shard(Shard<T>& shard, bool recorded) const {
    Variable<T> x;
    if (looked_up_) {
      shard.looked_up = rows_of_indices(shard, *looked_up_, 1);
      x = gather(shard.wholes.back(), shard.looked_up);
    } else {
      x = shard.x = rows_of(shard, *xs_.tensor(), 1, recorded && xs_.requires_grad());
    }
    for (const Variable<T>& v : state_)
      shard.state.push_back(rows_of(shard, *v.tensor(), 0, recorded && v.requires_grad()));
    ScanOptions options = options_;
    if (options.lengths.size() > 0) options.lengths = rows_of_indices(shard, options.lengths, 0);
    shard.result = scan_any<T>(shard.cell, plan_scan(x, options), options, x, shard.state, {}, nullptr);
  }

  AnyScanned<T> joined(const Shards<T>& shards, bool recorded) const {
    const index_t batch = xs_.shape()[1];
    const AnyScanned<T>& part = shards.front()->result;
    AnyScanned<T> whole;
    const Shape shape = part.output.shape().with(1, batch);
    whole.output = Variable<T>(recorded ? Tape<T>::local().allocate_output(shape) : Tensor<T>::make(shape));
    for (const Variable<T>& v : part.state)
      whole.state.push_back(Variable<T>::uninitialised(v.shape().with(0, batch)));
    in_parallel(shards, false, [&](Shard<T>& shard) {
      const auto put = [&](const Variable<T>& rows, int axis, Variable<T>& to) {
        const Tensor<T>& t = *rows.tensor();
        const index_t size = to.size();
        const Variable<T> dense_rows = t.dense() ? rows : rows.copy();
        for_rows(shard, to.shape(), axis, size, size, [&](index_t at, index_t from, index_t n) {
          std::copy_n(dense_rows.data() + from, n, to.tensor()->data + at);
        });
      };
      put(shard.result.output, 1, whole.output);
      for (std::size_t m = 0; m < whole.state.size(); ++m) put(shard.result.state[m], 0, whole.state[m]);
    });
    return whole;
  }

  const ScanOptions& options_;
  const Variable<T>& xs_;
  const Members& state_;
  Members parameters_;
  Variable<T> table_;  // of an embedding that xs comes from: its projection is looked up, too
  const Indices* looked_up_ = nullptr;
};

}  // namespace

int shard_count(const SequencePlan& plan, const ScanOptions& options, const Watched& watched) {
  const bool divisible = options.resets.size() == 0 && !options.noise.drops() && !options.noise.zones() &&
                         options.segment == 0 && options.memory == 0;
  if (watched || !divisible || plan.steps == 0) return 1;
  return static_cast<int>(std::clamp<index_t>(plan.batch / least_rows, 1, num_threads()));
}

template <class T>
std::optional<AnyScanned<T>> scan_shards(const AnyCell<T>& cell, int count, const ScanOptions& options,
                                         const Variable<T>& xs, const std::vector<Variable<T>>& state) {
  if (xs.rank() < 2) return {};
  for (const Variable<T>& v : state)
    if (v.rank() < 1 || v.shape()[0] != xs.shape()[1]) return {};  // scan says what is wrong
  Sharding<T> sharding(cell, options, xs, state);
  if (!sharding.pays()) return {};
  return sharding.run(cell, count);
}

UNROLL_COMPILE_FUNCTIONS(scan_shards)

}  // namespace unroll::detail
