#pragma once  // internal
/// \file What stands behind a Variable: Tensor (a value and its gradient) and Node (how it came about).
/// Ops are written against this file; users of the library need variable.hpp only.
///
/// Layout of a value. Every array, view or not, is `shape` over pieces of `run` contiguous elements that
/// start `pitch` elements apart: a dense array is one run; a slice of a dense array along any axis is one
/// piece for each index of the axes before it.
///
/// Gradients are in gradient.hpp.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "unroll/autograd/error.hpp"
#include "unroll/autograd/shape.hpp"
#include "unroll/detail/autograd/base/pool.hpp"

namespace unroll {

class Indices;
template <class T>
class Variable;

namespace detail {

template <class T>
class Node;
template <class T>
class ViewNode;
template <class T>
class Tape;
template <class T>
class Subpass;
template <class T>
class StepPlanner;

enum class GradState : std::uint8_t { none, partial, full };
/// Where a gradient lies: in memory of its own; a view's in its parent's, unless observed(); or, unless
/// observed(), in that of the creator's input 0, where nobody else writes.
enum class GradPlace : std::uint8_t { own, in_parent, in_addend };

template <class T>
struct Tensor;
template <class T>
using TensorRef = Ref<Tensor<T>>;

/// Things few tensors have; kept out of line.
template <class T>
struct TensorExtras {
  std::string name;
  std::vector<std::function<Variable<T>(const Variable<T>&)>> hooks;
  std::shared_ptr<void> derived;  ///< e.g. a packed copy of the value, valid for one version
  std::uint32_t derived_version = ~0u;
};

template <class T>
struct Tensor {
  Shape shape;
  index_t run = 1, pitch = 1;
  index_t grad_run = 1, grad_pitch = 1;  ///< of a view's gradient inside its parent's
  T* data = nullptr;
  T* grad = nullptr;
  Ref<Block> storage, grad_storage;
  Ref<Node<T>> creator;              ///< null for a leaf
  ViewNode<T>* grad_part = nullptr;  ///< where grad_state is partial: the view op whose members define it
  std::unique_ptr<TensorExtras<T>> extras;
  std::uint32_t refs = 0;
  std::uint32_t member = 0;  ///< which output of its creator this is
  GradState grad_state = GradState::none;
  GradPlace grad_place = GradPlace::own;
  bool requires_grad = false;
  bool retain_grad = false;
  bool wanted = false;     ///< grad(): asked for by the caller
  bool donatable = false;  ///< its only reader may overwrite the value
  bool consumed = false;   ///< the value was overwritten by the only op that reads it
  bool restored = false;   ///< was consumed, but then read after all
  bool held = false;       ///< kept alive by the backward pass that is running

  Tensor(Ref<Block>&& memory, T* first, const Shape& extents, index_t piece, index_t step)
      : shape(extents), run(piece), pitch(step), data(first), storage(std::move(memory)) {}
  bool dense() const { return run == shape.size() || pitch == run; }
  index_t runs() const { return run == 0 ? 0 : shape.size() / run; }
  std::uint32_t version() const { return storage->version; }
  bool is_leaf() const { return !creator; }
  bool is_view() const { return grad_place == GradPlace::in_parent; }  ///< the creator is a ViewNode
  bool shares_grad() const { return grad_place == GradPlace::in_addend; }
  bool has_hooks() const { return extras && !extras->hooks.empty(); }
  /// Whether somebody wants to see the gradient itself, apart from what is passed on.
  bool observed() const { return retain_grad || wanted || has_hooks(); }
  TensorExtras<T>& extra() {
    if (!extras) extras = std::make_unique<TensorExtras<T>>();
    return *extras;
  }

  static TensorRef<T> make(const Shape& shape);  ///< new storage, contents undefined
  /// Another tensor over the same storage.
  static TensorRef<T> alias(Ref<Block> storage, T* data, const Shape& shape, index_t run, index_t pitch);
  static void* operator new(std::size_t bytes) { return allocate_object(bytes); }
  static void operator delete(void* p) { free_object(p); }
  void add_ref() { ++refs; }
  void release() {
    if (--refs == 0) retire(this);
  }

 private:
  static void retire(Tensor* tensor);
};

/// Where to write a gradient: `add` says whether it holds values already.
template <class T>
struct GradSlot {
  T* data = nullptr;
  index_t run = 0, pitch = 0;
  bool add = false;
  explicit operator bool() const { return data != nullptr; }
  /// The factor of what is there, for products.
  T beta() const { return add ? T{1} : T{0}; }
  /// Behind the last of `size` elements.
  const T* end(index_t size) const {
    return run == size ? data + size : data + (size / run - 1) * pitch + run;
  }
};

/// How long the lists of a node are, which lie behind it in one piece of memory: its inputs, its outputs, `extra`
/// bytes of the derived class, and the versions of the inputs.
template <class T>
struct NodeLists {
  std::size_t inputs, outputs, extra = 0;
  std::size_t bytes() const {
    return inputs * (sizeof(TensorRef<T>) + sizeof(std::uint32_t)) + outputs * sizeof(Tensor<T>*) +
           padded_extra();
  }
  std::size_t padded_extra() const {
    constexpr std::size_t unit = sizeof(std::uint32_t);
    return (extra + unit - 1) / unit * unit;
  }
};

/// One recorded op. The tape holds it weakly; its outputs hold it; it holds its inputs.
///
/// Nodes are made by record_op (tape.hpp). The constructor of a derived class does not see inputs and outputs yet. A
/// class that needs memory behind the lists has
///
///     static std::size_t extra_bytes(std::size_t outputs, const Args&... arguments of the constructor);
///
/// and fills extra() later.
template <class T>
class Node {
 public:
  using value_type = T;

  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  virtual ~Node() {
    if (!released_) drop_inputs();
  }

  /// Whether backward reads the value of input k, which then must not change meanwhile. A derived class that does not
  /// read all of them hides this by its own, perhaps not static.
  static constexpr bool reads(std::size_t) { return true; }

  /// Reads the outputs' gradients and writes those of the inputs that `wants` them.
  virtual void backward() = 0;
  /// The same as recorded ops: one gradient for each input (empty where not wanted), from one for each
  /// output (empty where it is zero).
  virtual std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy);
  virtual std::string name() const = 0;
  /// The first op inside the node that made a NaN from non-NaN inputs; the node's name by default.
  virtual std::string find_nan() const { return name(); }
  /// Computes rows [first, first + rows) of the output's value again, for an output that was overwritten.
  virtual void recompute(index_t first, index_t rows, T* to);
  /// Whether recompute() works, and backward does not read the output's value: it may be overwritten.
  virtual bool recomputable() const { return false; }

  /// Tells the planner how to compute the outputs without a tape. Returns whether that is possible.
  virtual bool plan(StepPlanner<T>&) const { return false; }
  /// The same op on other inputs, recorded anew: all its results, in the order of the outputs. Of nodes
  /// that plan() tells of.
  virtual std::vector<Variable<T>> again(const std::vector<Variable<T>>& inputs) const;

  /// Where the output is rows of input 0, each with its gradient: which ones.
  virtual const Indices* lookup() const { return nullptr; }
  /// The same by simpler ops, recorded, which plan() tells of; empty where there are none. Of ops over time, for one step.
  virtual std::vector<Variable<T>> as_ops(const std::vector<Variable<T>>& inputs) const;

  std::size_t input_count() const { return input_count_; }
  Tensor<T>& input(std::size_t k) const { return *inputs_[k]; }
  Tensor<T>* output(std::size_t k = 0) const { return outputs_[k]; }
  std::size_t output_count() const { return output_count_; }
  bool released() const { return released_; }
  /// Whether new ops of this thread may build on its outputs.
  bool usable() const;
  /// First of all: the memory for the lists. There are no outputs yet.
  [[gnu::always_inline]] void place_lists(std::byte* memory, const NodeLists<T>& lists) {
    input_count_ = static_cast<std::uint32_t>(lists.inputs);
    output_count_ = static_cast<std::uint32_t>(lists.outputs);
    inputs_ = reinterpret_cast<TensorRef<T>*>(memory);
    outputs_ = reinterpret_cast<Tensor<T>**>(inputs_ + lists.inputs);
    versions_ = reinterpret_cast<std::uint32_t*>(extra() + lists.padded_extra());
    std::fill_n(outputs_, lists.outputs, nullptr);
  }
  /// Then each input.
  void connect(std::size_t k, Tensor<T>& in, bool read) {
    std::construct_at(inputs_ + k, &in);
    versions_[k] = read ? in.version() : any_version;
  }
  /// Makes `out` output number k.
  void adopt(std::size_t k, const TensorRef<T>& out) {
    outputs_[k] = out.get();
    out->creator = Ref<Node>(this);
    out->member = static_cast<std::uint32_t>(k);
    out->requires_grad = true;
  }

  void add_ref() { ++refs_; }
  void release() {
    if (--refs_ == 0) retire(this);
  }
  static void* operator new(std::size_t bytes, const NodeLists<T>& lists) {
    return allocate_object(bytes + lists.bytes());
  }
  static void operator delete(void* p, const NodeLists<T>&) { free_object(p); }
  static void operator delete(void* p) { free_object(p); }

 protected:
  Node() = default;
  /// Whether input k takes part in the backward pass that is running.
  bool wants(std::size_t k) const;
  /// Whether the pass that is running keeps the tape.
  bool retaining() const;
  /// The gradient of output k, complete; null where nothing was written.
  const T* output_grad(std::size_t k = 0) const {
    const Tensor<T>* t = outputs_[k];
    // One that this pass did not reach may still hold what an earlier pass left.
    return t && t->held && t->grad_state == GradState::full ? t->grad : nullptr;
  }
  /// Forgets the outputs [first, last), which nobody uses; those behind them are renumbered, and what was in extra() is
  /// lost.
  void drop_outputs(std::size_t first, std::size_t last) {
    for (std::size_t k = last; k < output_count_; ++k) {
      Tensor<T>* const out = outputs_[k];
      outputs_[k - (last - first)] = out;
      if (out) out->member = static_cast<std::uint32_t>(k - (last - first));
    }
    output_count_ -= static_cast<std::uint32_t>(last - first);
  }
  /// The extra bytes, aligned for T, undefined at first.
  std::byte* extra() const { return reinterpret_cast<std::byte*>(outputs_ + output_count_); }

 private:
  friend class Tape<T>;
  friend class Subpass<T>;
  friend struct Tensor<T>;
  static void retire(Node* node);
  void drop_inputs() {
    for (std::size_t k = 0; k < input_count_; ++k) inputs_[k].reset();
  }
  /// Whether input k is as it was, where backward reads it.
  bool is_intact(std::size_t k) const {
    return versions_[k] == any_version || versions_[k] == inputs_[k]->version();
  }

  static constexpr std::uint32_t any_version = ~0u;
  TensorRef<T>* inputs_ = nullptr;
  std::uint32_t* versions_ = nullptr;
  Tensor<T>** outputs_ = nullptr;
  Tape<T>* tape_ = nullptr;
  std::size_t slot_ = 0;
  std::uint32_t input_count_ = 0, output_count_ = 0, refs_ = 0;
  bool pending_ = false, released_ = false, active_ = false;
};

enum class ViewKind : std::uint8_t { chunk, unbind, slice, select, split, reshape };
const char* name_of(ViewKind kind);

/// Slices of one parent along one axis that together cover it without overlap. Its outputs are views of
/// value and gradient. A part that nobody asked for has no output but is still accounted for.
template <class T>
class ViewNode final : public Node<T> {
 public:
  static std::size_t extra_bytes(std::size_t outputs, const auto&...) { return outputs; }
  static constexpr bool reads(std::size_t) { return false; }
  /// Part k is [bounds[k], bounds[k + 1]) of `axis`.
  ViewNode(ViewKind kind, const Shape& parent, int axis, PoolVector<index_t> bounds, bool squeeze);
  /// The whole parent in another shape.
  ViewNode(const Shape& parent, const Shape& reshaped);
  void backward() override;
  std::vector<Variable<T>> record_backward(const std::vector<Variable<T>>& dy) override;
  std::string name() const override { return name_of(kind_); }
  bool plan(StepPlanner<T>& to) const override;
  std::vector<Variable<T>> again(const std::vector<Variable<T>>& inputs) const override;
  /// Makes one part of the parts [first, last), which nobody has asked for.
  void merge(std::size_t first, std::size_t last);

  ViewKind kind() const { return kind_; }
  std::size_t parts() const { return bounds_.size() - 1; }
  /// Of part k along the axis.
  index_t extent(std::size_t k) const { return bounds_[k + 1] - bounds_[k]; }
  /// The region of part k in the parent's value or gradient `whole`.
  GradSlot<T> region(std::size_t k, const GradSlot<T>& whole) const;
  Shape part_shape(std::size_t k) const;
  index_t part_size(std::size_t k) const {
    return reshapes_ ? reshaped_.size() : outer_ * extent(k) * inner_;
  }

 private:
  template <class>
  friend struct GradWriter;
  /// Of each part whether a gradient was written, where grad_part of the parent is this.
  std::byte* written() const { return this->extra(); }

  ViewKind kind_;
  int axis_;
  bool squeeze_, reshapes_ = false;
  Shape reshaped_;
  PoolVector<index_t> bounds_;
  index_t outer_, inner_;  ///< how many rows and elements lie before and behind the axis
};

/// Copies the elements of a tensor, in row-major order, to dense memory.
template <class T>
void copy_dense(const Tensor<T>& from, T* to);

/// Throws UsageError: argument k, from 0, of `op` is an empty Variable.
[[noreturn]] void fail_empty(std::string_view op, std::size_t k);

/// Gives a consumed view of an op's result a value again.
template <class T>
void restore(Tensor<T>& t);

}  // namespace detail
}  // namespace unroll
