/// \file The adjoints of a fused expression as recorded ops: the rules of scalar_ops.hpp with Variables for
/// numbers. Its walk is that of push() in fused_tree.hpp.

#include <algorithm>

#include "unroll/detail/autograd/fused/tree.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

namespace unroll::detail {
namespace {

template <class Op, class T>
void adjoint_of(const Dyn<T>& d, const Dyn<T>& y, const Dyn<T>* const* x, Dyn<T>* to) {
  [&]<std::size_t... K>(std::index_sequence<K...>) {
    std::array<Dyn<T>, Op::arity> ds = Op::adjoint(d, y, *x[K]...);
    mutate(Op::id, ds);
    std::move(ds.begin(), ds.end(), to);
  }
  (std::make_index_sequence<Op::arity>{});
}

template <class T>
struct AdjointRule {
  void (*of)(const Dyn<T>& d, const Dyn<T>& y, const Dyn<T>* const* x, Dyn<T>* to);
  bool selects;
};
template <class T>
const AdjointRule<T>& rule_of(ScalarOp op) {
  static constexpr AdjointRule<T> table[] = {
#define UNROLL_ENTRY(name) {&adjoint_of<name##_op, T>, selects<name##_op>},
      UNROLL_SCALAR_OPS(UNROLL_ENTRY)
#undef UNROLL_ENTRY
  };
  return table[static_cast<std::size_t>(op)];
}

/// A fused expression with Variables for numbers. A step is computed when it is asked for: what leads to
/// outputs without an adjoint is not recorded.
template <class T>
class RecordedTree {
 public:
  RecordedTree(const FusedCode<T>& code, const T* numbers, std::span<const Variable<T>> inputs)
      : code_(code), numbers_(numbers), inputs_(inputs), steps_(code.step_count), adjoints_(inputs.size()) {
    roots_ = fold_steps<int>(code, [&](int at, std::span<const int> arguments) {
      std::copy(arguments.begin(), arguments.end(), steps_[static_cast<std::size_t>(at)].arguments);
      return at;
    });
  }
  /// Pushes the adjoint of output m down to the inputs.
  void push(std::size_t m, const Dyn<T>& d) { push(roots_[m], d, d); }
  /// Empty where there is none.
  std::vector<Dyn<T>>& adjoints() { return adjoints_; }

 private:
  struct Step {
    Dyn<T> value;
    int arguments[max_op_arity];
  };

  const Dyn<T>& value(int at) {
    const CodeStep& step = code_.steps[at];
    Step& now = steps_[static_cast<std::size_t>(at)];
    if (now.value.v) return now.value;
    if (step.kind == CodeStep::Kind::input) {
      now.value.v = inputs_[step.index];
    } else if (step.kind == CodeStep::Kind::number) {
      now.value.v = Variable<T>(numbers_[step.index]);
    } else {
      const std::size_t arity = facts_of(step.op).arity;
      Variable<T> arguments[max_op_arity];
      for (std::size_t k = 0; k < arity; ++k) arguments[k] = value(now.arguments[k]).v;
      now.value.v = apply_compiled<T>(step.op, std::span(arguments, arity));
    }
    return now.value;
  }

  void push(int at, const Dyn<T>& d, const Dyn<T>& taken) {
    const CodeStep& step = code_.steps[at];
    if (step.kind == CodeStep::Kind::number) return;
    if (step.kind == CodeStep::Kind::input) {
      Dyn<T>& sum = adjoints_[step.index];
      const Dyn<T> part = num::absorb(taken, d);
      sum = sum.v ? sum + part : part;
      return;
    }
    const AdjointRule<T>& rule = rule_of<T>(step.op);
    const int* arguments = steps_[static_cast<std::size_t>(at)].arguments;
    const int arity = facts_of(step.op).arity;
    const Dyn<T>& y = value(at);
    const Dyn<T>* x[max_op_arity];
    Dyn<T> ds[max_op_arity];
    for (int k = 0; k < arity; ++k) x[k] = &value(arguments[k]);
    rule.of(rule.selects ? num::absorb(taken, d) : d, y, x, ds);
    for (int k = 0; k < arity; ++k) push(arguments[k], ds[k], rule.selects ? ds[k] : taken);
  }

  const FusedCode<T>& code_;
  const T* numbers_;
  std::span<const Variable<T>> inputs_;
  std::vector<Step> steps_;
  std::vector<int> roots_;  // the steps that make the outputs
  std::vector<Dyn<T>> adjoints_;
};

}  // namespace

template <class T>
std::vector<Variable<T>> record_code_backward(const FusedCode<T>& code, const T* numbers,
                                              std::span<const Variable<T>> inputs,
                                              std::span<const Variable<T>> dy) {
  RecordedTree<T> tree(code, numbers, inputs);
  for (std::size_t m = 0; m < dy.size(); ++m)
    if (dy[m]) tree.push(m, Dyn<T>(dy[m]));
  std::vector<Variable<T>> dx;
  for (Dyn<T>& adjoint : tree.adjoints()) dx.push_back(std::move(adjoint.v));
  return dx;
}

UNROLL_COMPILE_FUNCTIONS(record_code_backward)

}  // namespace unroll::detail
