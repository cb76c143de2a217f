#include "unroll/detail/autograd/ops/batch_shards.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <memory>

#include "unroll/detail/autograd/core/deferred.hpp"
#include "unroll/detail/autograd/core/parallel.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/ops/part_of_product.hpp"

namespace unroll::detail {
namespace {

/// What one thread makes of its rows.
template <class T>
struct Shard {
  BatchRows rows;
  Tape<T> tape = {};                      // outlives what is recorded on it
  std::vector<Variable<T>> shared = {};   // leaves over what all threads read
  std::vector<Variable<T>> divided = {};  // leaves: its rows of what is divided
  std::vector<BatchArray<T>> results = {};
  ShardFunction<T> function = {};
  std::vector<DeferredProduct<T>> waiting = {};

  Variable<T>& leaf(std::size_t k) { return k < shared.size() ? shared[k] : divided[k - shared.size()]; }
};
template <class T>
using Shards = std::vector<std::unique_ptr<Shard<T>>>;

/// Does work(shard) for each, by as many threads at most, each on its tape.
template <class T, class Work>
void for_each_shard(const Shards<T>& shards, bool record, Work&& work) {
  const PartOfProduct::Ratio callers = PartOfProduct::current;
  in_parallel(static_cast<int>(shards.size()), record, [&](int s) {
    const PartOfProduct part(callers.part, callers.whole);
    Shard<T>& shard = *shards[static_cast<std::size_t>(s)];
    const UseTape<T> tape(shard.tape);
    work(shard);
  });
}

/// A leaf of the same values, so that no two threads count references to one.
template <class T>
Variable<T> leaf_over(const Tensor<T>& t, bool requires_grad) {
  const TensorRef<T> leaf = Tensor<T>::alias(t.storage, t.data, t.shape, t.run, t.pitch);
  if (t.extras) leaf->extra().name = t.extras->name;
  return Variable<T>(leaf).requires_grad(requires_grad);
}

/// Inputs: what is shared, then what is divided.
template <class T>
class ShardedNode final : public Node<T> {
 public:
  ShardedNode(const char* name, std::vector<int> axes, Shards<T> shards)
      : name_(name), axes_(std::move(axes)), shards_(std::move(shards)) {}

  void backward() override {
    std::vector<GradSlot<T>> slots(this->input_count());
    for (std::size_t k = shared(); k < slots.size(); ++k)
      if (this->wants(k)) slots[k] = open_grad(this->input(k));
    for (const auto& shard : shards_) mark_wanted(*shard, true);
    const bool retain = this->retaining();
    for_each_shard(shards_, true, [&](Shard<T>& shard) {
      run_back(shard, retain);
      for (std::size_t k = shared(); k < slots.size(); ++k)
        if (slots[k]) add_row_gradients(shard, k, slots[k]);
    });
    for (const auto& shard : shards_) {
      pass_on_products(*shard);
      for (std::size_t k = 0; k < shared(); ++k) add_gradient(*shard->shared[k].tensor(), k);
      mark_wanted(*shard, false);
    }
    if (!retain) shards_.clear();
  }

  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>&) override {
    raise<UsageError>(
        "grad: a {} divided over threads has no second derivative; call set_num_threads(1) before "
        "the forward pass, or leave create_graph off",
        name_);
  }
  std::string name() const override { return name_; }

 private:
  std::size_t shared() const { return shards_.front()->shared.size(); }

  // What grad() did not ask for is not computed.
  void mark_wanted(Shard<T>& shard, bool running) {
    for (std::size_t k = 0; k < this->input_count(); ++k)
      shard.leaf(k).tensor()->requires_grad = this->input(k).requires_grad && (!running || this->wants(k));
  }

  void run_back(Shard<T>& shard, bool retain) {
    std::vector<TensorRef<T>> roots;
    std::vector<Variable<T>> seeds;
    for (std::size_t k = 0; k < shard.results.size(); ++k) {
      const BatchArray<T>& result = shard.results[k];
      const Tensor<T>* out = this->output(k);
      if (!out || out->grad_state != GradState::full || !result.array.requires_grad()) continue;
      roots.push_back(result.array.ref());
      seeds.push_back(shard.rows.template of<T>(out->shape, result.axis, grad_layout(*out)));
    }
    if (!roots.empty()) shard.tape.backward(roots, seeds, {.retain = retain, .waiting = &shard.waiting});
  }

  void add_row_gradients(Shard<T>& shard, std::size_t k, const GradSlot<T>& to) {
    Tensor<T>& own = *shard.leaf(k).tensor();
    const T* from = own.grad_state == GradState::full ? own.grad : nullptr;
    shard.rows.for_each(this->input(k).shape, axes_[k - shared()], to.run, to.pitch,
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
  void pass_on_products(Shard<T>& shard) {
    DeferredBuffers<T> buffers;
    for (DeferredProduct<T>& product : shard.waiting) {
      std::size_t k = 0;
      while (shard.shared[k].tensor() != product.parameter.get()) ++k;
      if (!this->input(k).is_leaf()) {
        flush_product(product, buffers);
      } else {
        for (DeferredUse<T>& use : product.uses) defer(this->input(k), std::move(use));
      }
    }
    shard.waiting.clear();
  }

  void add_gradient(Tensor<T>& own, std::size_t k) {
    if (own.grad_state == GradState::full && this->wants(k)) {
      const index_t size = own.shape.size();
      write_gradient<T>(open_grad(this->input(k)), size, own.grad, size, size);
    }
    clear_grad(own);
  }

  const char* name_;
  std::vector<int> axes_;  // of what is divided
  Shards<T> shards_;
};

// On the caller's thread, because it counts references to what the threads share.
template <class T>
Shards<T> make_shards(const ShardedComputation<T>& c, int count, bool recorded) {
  Shards<T> shards;
  for (int s = 0; s < count; ++s) {
    const index_t first = s * c.batch / count, last = (s + 1) * c.batch / count;
    shards.push_back(std::unique_ptr<Shard<T>>(new Shard<T>{BatchRows{first, last - first}}));
    Shard<T>& shard = *shards.back();
    for (const Variable<T>& v : c.shared)
      shard.shared.push_back(leaf_over(*v.tensor(), recorded && v.requires_grad()));
    shard.function = c.prepare(shard.rows, shard.shared);
  }
  return shards;
}

// The results of all rows, as constants.
template <class T>
std::vector<Variable<T>> joined(const Shards<T>& shards, index_t batch, bool recorded) {
  std::vector<Variable<T>> whole;
  for (const BatchArray<T>& part : shards.front()->results) {
    const Shape shape = part.array.shape().with(part.axis, batch);
    const bool placed = recorded && whole.empty();  // the first result may have its place in another array
    whole.emplace_back(placed ? Tape<T>::local().allocate_output(shape) : Tensor<T>::make(shape));
  }
  for_each_shard(shards, false, [&](Shard<T>& shard) {
    for (std::size_t k = 0; k < whole.size(); ++k) {
      const auto& [rows, axis] = shard.results[k];
      const Variable<T> dense_rows = rows.tensor()->dense() ? rows : rows.copy();
      const Tensor<T>& to = *whole[k].tensor();
      shard.rows.for_each(to.shape, axis, to.shape.size(), to.shape.size(),
                          [&](index_t at, index_t from, index_t n) {
                            std::copy_n(dense_rows.data() + from, n, to.data + at);
                          });
    }
  });
  return whole;
}

}  // namespace

template <class T>
std::vector<Variable<T>> compute_in_shards(const ShardedComputation<T>& c, int count) {
  PoolVector<Tensor<T>*> inputs;
  std::vector<int> axes;
  for (const Variable<T>& v : c.shared) inputs.push_back(v.tensor());
  for (const BatchArray<T>& d : c.divided) {
    inputs.push_back(d.array.tensor());
    axes.push_back(d.axis);
  }
  const bool recorded = begin_op<T>(c.name, inputs);
  Shards<T> shards = make_shards(c, count, recorded);
  for_each_shard(shards, recorded, [&](Shard<T>& shard) {
    for (const auto& [array, axis] : c.divided)
      shard.divided.push_back(
          shard.rows.of(*array.tensor(), axis).requires_grad(recorded && array.requires_grad()));
    shard.results = shard.function(shard.divided);
  });
  for (const auto& shard : shards) shard->function = nullptr;
  std::vector<Variable<T>> results = joined(shards, c.batch, recorded);
  if (!recorded) return results;
  record_op<ShardedNode<T>>(inputs, results, c.name, std::move(axes), std::move(shards));
  return results;
}

UNROLL_COMPILE_FUNCTIONS(compute_in_shards)

}  // namespace unroll::detail
