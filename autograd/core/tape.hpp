#pragma once  // internal
/// \file The tape: recording order is topological order, so backward is one loop from the end.

#include <initializer_list>
#include <span>
#include <string_view>
#include <unordered_map>

#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/autograd/no_grad.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/detail/autograd/base/trace_hook.hpp"
#include "unroll/detail/autograd/core/context.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/host_reads.hpp"

namespace unroll::detail {

// See deferred.hpp.
template <class T>
struct DeferredUse;
template <class T>
struct DeferredProduct;

/// Decides where the values of ops lie, in place of memory of their own.
template <class T>
struct OutputAllocator {
  virtual ~OutputAllocator() = default;
  virtual TensorRef<T> allocate(const Shape& shape) = 0;
};

/// A stored gradient, set aside while a pass collects its own.
template <class T>
struct GradAside {
  TensorRef<T> tensor;
  T* grad;  ///< null where there was none
  Ref<Block> storage;
};

template <class T>
class Subpass;
template <class T>
class UseTape;

template <class T>
class Tape {
 public:
  Tape();
  ~Tape();
  static Tape& local() { return current ? *current : start(); }

  void record(Node<T>* node) {
    node->tape_ = this;
    node->slot_ = slots_.size();
    slots_.push_back(node);
    ++live_;
    ++recorded_;
    if (TraceHook::log) [[unlikely]]
      trace_recorded(*node);
  }
  void forget(Node<T>* node);

  struct Options {
    bool retain = false;                        ///< keep what the pass would release
    bool create_graph = false;                  ///< record the pass itself
    std::span<const TensorRef<T>> wanted = {};  ///< non-empty: only these tensors get gradients
    /// Where the products go that wait for the end; null: they are done.
    std::vector<DeferredProduct<T>>* waiting = nullptr;
  };
  /// Runs back from `roots`, whose gradients are `seeds`; see Variable::backward and grad().
  /// Returns the gradients of `wanted`, empty where nothing was written.
  std::vector<Variable<T>> backward(std::span<const TensorRef<T>> roots, std::span<const Variable<T>> seeds,
                                    const Options& options);
  bool wants(const Tensor<T>& t) const {
    return t.requires_grad && (!selective_ || t.wanted || (t.creator && t.creator->active_));
  }
  bool running() const { return running_; }
  bool retaining() const { return retaining_; }

  TensorRef<T> allocate_output(const Shape& shape) {
    return output_allocator ? output_allocator->allocate(shape) : Tensor<T>::make(shape);
  }

  std::vector<Node<T>*> live_nodes() const;
  /// Where the next node goes; nodes_from() gives those that have gone there since.
  std::size_t next_place() const { return slots_.size(); }
  std::vector<Node<T>*> nodes_from(std::size_t place) const;
  TapeStats stats() const { return {live_, recorded_}; }

  OutputAllocator<T>* output_allocator = nullptr;
  std::vector<DeferredProduct<T>> deferred;  ///< of the pass that is running
  /// A leaf with hooks is about to be written: its hooks see the gradient of this pass alone.
  void touch_hooked(Tensor<T>& leaf);
  /// Of the nodes recorded in anomaly mode.
  std::unordered_map<const Node<T>*, std::shared_ptr<const Context>>& contexts() { return contexts_; }

 private:
  friend class Subpass<T>;
  friend class UseTape<T>;
  struct Guard;
  static Tape& start();
  static void trace_recorded(const Node<T>& node);
  void close_gaps();
  void collect(std::span<const TensorRef<T>> roots);
  struct Inner;
  void backward_above_floor(std::span<const TensorRef<T>> roots, std::span<const Variable<T>> seeds);
  std::vector<Variable<T>> record_above_floor(std::span<const TensorRef<T>> roots,
                                              std::span<const Variable<T>> seeds,
                                              std::span<const TensorRef<T>> wanted);
  void mark(Tensor<T>& t);
  void validate(Node<T>& node) const;
  void select_active();
  void seed(std::span<const TensorRef<T>> roots, std::span<const Variable<T>> seeds);
  void sweep(const Options& options);
  std::vector<Variable<T>> sweep_graph(std::span<const TensorRef<T>> roots,
                                       std::span<const Variable<T>> seeds,
                                       std::span<const TensorRef<T>> wanted, bool hooks_of_leaves);
  void visit(Node<T>& node, const Options& options);
  void finish_node(Node<T>& node);  ///< the pass needs it no more
  // A long tape is larger than the cache: what is needed a few nodes later is on its way meanwhile.
  static constexpr std::size_t long_tape = 2048;
  static void fetch(const void* p, std::size_t bytes) {
    for (std::size_t at = 0; at < bytes; at += 64) __builtin_prefetch(static_cast<const char*>(p) + at, 1);
  }
  static void fetch_node(const Node<T>* node) {
    if (node) fetch(node, sizeof(Node<T>) + NodeLists<T>{.inputs = 2, .outputs = 1}.bytes());
  }
  static void fetch_tensors(const Node<T>* node) {
    if (!node) return;
    for (std::size_t k = 0; k < node->output_count_; ++k)
      if (node->outputs_[k]) fetch(node->outputs_[k], sizeof(Tensor<T>));
    for (std::size_t k = 0; k < node->input_count_; ++k)
      if (const Tensor<T>* in = node->inputs_[k].get()) fetch(in, sizeof(Tensor<T>));
  }
  void abandon();
  void abandon_nodes();
  void set_aside(Tensor<T>& t);
  void restore_gradients(bool add);
  void run_leaf_hooks(const GradAside<T>& a);
  void finish_leaves();

  [[gnu::tls_model("initial-exec")]] static thread_local constinit Tape* current;
  std::vector<GradAside<T>> hooked_leaves_, aside_;
  std::vector<Node<T>*> slots_;
  std::vector<Node<T>*> order_;
  std::size_t live_ = 0, open_ = 0, top_ = 0;
  std::size_t floor_ = 0;  ///< where the innermost Subpass begins; what lies below keeps its place
  std::uint64_t recorded_ = 0;
  bool running_ = false, selective_ = false, retaining_ = false;
  std::unordered_map<const Node<T>*, std::shared_ptr<const Context>> contexts_;
};

// Defined in tape.cpp.
template <>
[[gnu::tls_model("initial-exec")]] thread_local constinit Tape<float>* Tape<float>::current;
template <>
[[gnu::tls_model("initial-exec")]] thread_local constinit Tape<double>* Tape<double>::current;

template <class T>
inline bool Node<T>::wants(std::size_t k) const {
  return tape_->wants(*inputs_[k]);
}
template <class T>
inline bool Node<T>::retaining() const {
  return tape_->retaining();
}
template <class T>
inline bool Node<T>::usable() const {
  return !released_ && tape_ == &Tape<T>::local();
}

/// While it lives, ops of this thread record on a tape of their own. Threads may take turns with a tape.
template <class T>
class UseTape {
 public:
  explicit UseTape(Tape<T>& tape) : before_(std::exchange(Tape<T>::current, &tape)) {}
  ~UseTape() { Tape<T>::current = before_; }
  UseTape(const UseTape&) = delete;
  UseTape& operator=(const UseTape&) = delete;

 private:
  Tape<T>* before_;
};

/// While it lives, ops record even inside NoGrad.
struct Recording {
  Recording() { std::swap(depth, NoGrad::depth); }
  ~Recording() { NoGrad::depth = depth; }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  int depth = 0;
};

template <class T>
[[noreturn]] void fail_unusable(std::string_view op, std::size_t k, const Tensor<T>& t);

/// Before an op computes: checks that its inputs can be used. Returns whether it is to be recorded.
template <class T>
[[gnu::always_inline]] inline bool begin_op(std::string_view op, std::span<Tensor<T>* const> inputs) {
  bool record = false;
  const bool off = NoGrad::active();
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    Tensor<T>* t = inputs[k];
    if (!t) fail_empty(op, k);
    if (t->consumed) restore(*t);
    if (off || !t->requires_grad) continue;
    record = true;
    if (t->creator && !t->creator->usable()) fail_unusable(op, k, *t);
  }
  if (!record) HostReads::note_unrecorded_op();
  return record;
}

template <class NodeType>
using NodeInputs = std::span<Tensor<typename NodeType::value_type>* const>;
template <class NodeType>
using NodeOutputs = std::span<const Variable<typename NodeType::value_type>>;

/// What:   a new node NodeType(arguments…) over `inputs`, with room for `outputs` results; not on the tape yet.
template <class NodeType, class... Args>
[[gnu::always_inline]] inline Ref<NodeType> make_node(NodeInputs<NodeType> inputs, std::size_t outputs,
                                                      Args&&... arguments) {
  NodeLists<typename NodeType::value_type> lists{inputs.size(), outputs};
  if constexpr (requires { NodeType::extra_bytes(outputs, arguments...); })
    lists.extra = NodeType::extra_bytes(outputs, arguments...);
  const Ref<NodeType> node(new (lists) NodeType(std::forward<Args>(arguments)...));
  node->place_lists(reinterpret_cast<std::byte*>(node.get() + 1), lists);
  for (std::size_t k = 0; k < inputs.size(); ++k) node->connect(k, *inputs[k], node->reads(k));
  return node;
}

/// What:   records an op: a new node NodeType(arguments…) over `inputs` goes on the tape, and `outputs` are its
///         results; an empty one has no gradient.
/// An op declares by NodeType::reads which inputs its backward reads: where update() changed one of these in
/// between, backward throws.
template <class NodeType, class... Args>
[[gnu::always_inline]] inline Ref<NodeType> record_op(NodeInputs<NodeType> inputs,
                                                      NodeOutputs<NodeType> outputs, Args&&... arguments) {
  Ref<NodeType> node = make_node<NodeType>(inputs, outputs.size(), std::forward<Args>(arguments)...);
  for (std::size_t k = 0; k < outputs.size(); ++k)
    if (outputs[k]) node->adopt(k, outputs[k].ref());
  Tape<typename NodeType::value_type>::local().record(node.get());
  return node;
}

/// Queues a use of the leaf `parameter` for the end of the backward pass that is running.
template <class T>
void defer(Tensor<T>& parameter, DeferredUse<T> use);

/// The name, if it has one, and the shape.
template <class T>
std::string name_and_shape(const Tensor<T>& t);

/// What a hook returned, which must have the shape of `t`.
/// Errors: ShapeError.
template <class T>
const Variable<T>& with_shape_of(const Tensor<T>& t, const Variable<T>& changed);

/// In anomaly mode: throws if an output has a bad value that none of the inputs has.
template <class T>
void check_anomaly(const Node<T>& node, const Tensor<T>& output);
/// In anomaly mode, after node.backward(): throws if it made a bad gradient.
template <class T>
void check_gradient_anomaly(const Node<T>& node);

}  // namespace unroll::detail
