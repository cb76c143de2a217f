/// \file The adjoints of a fused expression as recorded ops: the rules of scalar_ops.hpp with Variables for
/// numbers. Its walk is that of push() in fused_tree.hpp.

#include "autograd/fused_tree.hpp"

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

/// Every step's value, and where its arguments were computed.
template <class T>
class RecordedTree {
 public:
  RecordedTree(const FusedCode<T>& code, const T* numbers, std::span<const Variable<T>> inputs)
      : code_(code), adjoints_(inputs.size()) {
    for (const CodeStep& step : code.all_steps()) {
      Evaluated now;
      switch (step.kind) {
        case CodeStep::Kind::input:
          now.value = Dyn<T>(inputs[step.index]);
          break;
        case CodeStep::Kind::number:
          now.value = Dyn<T>(Variable<T>(numbers[step.index]));
          break;
        case CodeStep::Kind::op:
          compute(step.op, now);
          break;
      }
      roots_.push_back(static_cast<int>(steps_.size()));
      steps_.push_back(std::move(now));
    }
  }
  /// Pushes the adjoint of output m down to the inputs.
  void push(std::size_t m, const Dyn<T>& d) { push(roots_[m], d, d); }
  /// Empty where there is none.
  std::vector<Dyn<T>>& adjoints() { return adjoints_; }

 private:
  struct Evaluated {
    Dyn<T> value;
    int arguments[max_op_arity];
  };

  void compute(ScalarOp op, Evaluated& now) {
    const int arity = facts_of(op).arity;
    Variable<T> values[max_op_arity];
    const auto first = roots_.end() - arity;
    for (int k = 0; k < arity; ++k) {
      now.arguments[k] = first[k];
      values[k] = steps_[static_cast<std::size_t>(first[k])].value.v;
    }
    roots_.erase(first, roots_.end());
    now.value = Dyn<T>(apply_compiled<T>(op, std::span(values, static_cast<std::size_t>(arity))));
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
    const Evaluated& now = steps_[static_cast<std::size_t>(at)];
    const int arity = facts_of(step.op).arity;
    const Dyn<T>* x[max_op_arity];
    Dyn<T> ds[max_op_arity];
    for (int k = 0; k < arity; ++k) x[k] = &steps_[static_cast<std::size_t>(now.arguments[k])].value;
    rule.of(rule.selects ? num::absorb(taken, d) : d, now.value, x, ds);
    for (int k = 0; k < arity; ++k) push(now.arguments[k], ds[k], rule.selects ? ds[k] : taken);
  }

  const FusedCode<T>& code_;
  std::vector<Evaluated> steps_;
  std::vector<int> roots_;  // results that no op has used, the latest last; in the end the outputs
  std::vector<Dyn<T>> adjoints_;
};

}  // namespace

template <class T>
std::vector<Variable<T>> emit_code(const FusedCode<T>& code, const T* numbers,
                                   std::span<const Variable<T>> inputs, std::span<const Variable<T>> dy) {
  RecordedTree<T> tree(code, numbers, inputs);
  for (std::size_t m = 0; m < dy.size(); ++m)
    if (dy[m]) tree.push(m, Dyn<T>(dy[m]));
  std::vector<Variable<T>> dx;
  for (Dyn<T>& adjoint : tree.adjoints()) dx.push_back(std::move(adjoint.v));
  return dx;
}

#define UNROLL_INSTANTIATE(T)                                                                              \
  template std::vector<Variable<T>> emit_code(const FusedCode<T>&, const T*, std::span<const Variable<T>>, \
                                              std::span<const Variable<T>>);
UNROLL_INSTANTIATE(float)
UNROLL_INSTANTIATE(double)

}  // namespace unroll::detail
