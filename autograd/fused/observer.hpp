#pragma once  // internal
/// \file Observers of fused expressions: they see what every scalar op inside computes.

#include <cstdint>
#include <span>

#include "unroll/detail/autograd/core/context.hpp"
#include "unroll/detail/autograd/fused/scalar_op_list.hpp"

namespace unroll::detail {

/// What one scalar op of a fused expression computed, in some elements.
struct OpValues {
  ScalarOp op;
  int number;            ///< of the op in the expression, arguments first
  std::uint64_t inputs;  ///< bit k: input k of the expression goes into it, not by way of a sigmoid or tanh
  std::span<const double> values;
  bool bad;  ///< a value is NaN (or infinite, as AnomalyMode says), and the op's arguments there are not
};
class OpVisitor {
 public:
  virtual void visit(const OpValues& computed) = 0;

 protected:
  ~OpVisitor() = default;
};
/// The block that those of `inputs` agree on which hold one; else the whole.
ColumnBlock common_block(std::uint64_t inputs, std::span<const ColumnBlock> blocks);

/// While it lives, visits the ops of all fused expressions that this thread computes. They nest.
class Observer : public OpVisitor {
 public:
  Observer() : outer_(innermost) { innermost = this; }
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  static bool active() { return innermost != nullptr; }
  static Observer* first() { return innermost; }
  Observer* outer() const { return outer_; }
  /// Before and after one expression, whose inputs hold these blocks.
  virtual void begin(std::span<const ColumnBlock> inputs) = 0;
  virtual void end() = 0;

 protected:
  ~Observer() { innermost = outer_; }

 private:
  Observer* outer_;
  [[gnu::tls_model("initial-exec")]] static thread_local constinit Observer* innermost;
};

}  // namespace unroll::detail
