#pragma once  // internal
/// \file Where in a program values are computed. What there is to know of it belongs to the layer that computes
/// them: the engine keeps its context with the ops recorded meanwhile, and asks it for words in messages.

#include <memory>
#include <string>
#include <utility>

#include "unroll/autograd/shape.hpp"

namespace unroll::detail {

template <class T>
struct Tensor;

/// One of `count` equal blocks of an array's columns, its last axis; 1 is the whole.
struct ColumnBlock {
  index_t number = 0, count = 1;
  bool is_whole() const { return count == 1; }
  bool operator==(const ColumnBlock&) const = default;
};
/// The block of its parent's columns that a view holds; the whole for any other array.
template <class T>
ColumnBlock column_block(const Tensor<T>& t);

/// Some elements of an array, as far as it matters where they are.
struct Elements {
  index_t first = 0;           ///< of them, its index along axis 0
  index_t columns = 1;         ///< of the array
  index_t begin = 0, end = 1;  ///< columns that the elements lie in
};

/// What a layer tells of the values that it computes.
class Context {
 public:
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  virtual ~Context() = default;
  /// How a message begins, such as "layer 1, step 3, gate f: ", that is about this block of the op's inputs,
  virtual std::string describe(const ColumnBlock& block) const = 0;
  /// or about these elements of an array that the op reads or computes.
  virtual std::string describe(const Elements& elements) const = 0;
};

/// While it lives, this thread computes in `context`; null changes nothing. Scopes nest.
class ContextScope {
 public:
  explicit ContextScope(std::shared_ptr<const Context> context) : context_(std::move(context)) {
    if (context_) outer_ = std::exchange(innermost, this);
  }
  ~ContextScope() {
    if (context_) innermost = outer_;
  }
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;
  /// Of the innermost scope; null outside all of them.
  static std::shared_ptr<const Context> current() { return innermost ? innermost->context_ : nullptr; }

 private:
  std::shared_ptr<const Context> context_;
  const ContextScope* outer_ = nullptr;
  [[gnu::tls_model("initial-exec")]] static thread_local constinit const ContextScope* innermost;
};

}  // namespace unroll::detail
