#include "unroll/detail/autograd/plan/loop_recorder.hpp"

#include <algorithm>
#include <cstring>

#include "unroll/autograd/variable.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"

namespace unroll::detail {
namespace {

// Whether somebody watches the gradient of a value, or has asked for the value again after it was overwritten.
template <class T>
bool is_watched(const Tensor<T>& t) {
  return t.retain_grad || t.restored || t.has_hooks();
}

template <class T>
bool same_bits(const T* a, const T* b, std::size_t n) {
  return n == 0 || std::memcmp(a, b, n * sizeof(T)) == 0;
}

// The same tensor; or a number or the like that each step makes anew.
template <class T>
bool same_constant(const Tensor<T>& a, const Tensor<T>& b) {
  if (&a == &b) return true;
  constexpr index_t few = 1024;
  const auto plain = [](const Tensor<T>& t) { return t.is_leaf() && !t.requires_grad && t.dense(); };
  return plain(a) && plain(b) && a.shape == b.shape && a.shape.size() <= few &&
         same_bits(a.data, b.data, static_cast<std::size_t>(a.shape.size()));
}

template <class T>
bool same_kernel(const LoopKernel<T>& a, const LoopKernel<T>& b) {
  return a.kind == b.kind && a.in == b.in && a.out == b.out && a.size == b.size && a.code == b.code &&
         a.numbers.size() == b.numbers.size() &&
         same_bits(a.numbers.data(), b.numbers.data(), a.numbers.size()) && a.reshaped == b.reshaped &&
         a.has_addend == b.has_addend && a.shares_gradient == b.shares_gradient && a.terms == b.terms &&
         a.precision == b.precision;
}

bool same_value(const LoopValue& a, const LoopValue& b) {
  return a.shape == b.shape && a.whole == b.whole && a.offset == b.offset;
}

}  // namespace

template <class T>
bool same_program(const LoopProgram<T>& a, const LoopProgram<T>& b) {
  const auto constants = [](const TensorRef<T>& x, const TensorRef<T>& y) { return same_constant(*x, *y); };
  return a.input == b.input && a.carried == b.carried && a.members == b.members && a.output == b.output &&
         std::equal(a.kernels.begin(), a.kernels.end(), b.kernels.begin(), b.kernels.end(), same_kernel<T>) &&
         std::equal(a.values.begin(), a.values.end(), b.values.begin(), b.values.end(), same_value) &&
         std::equal(a.constants.begin(), a.constants.end(), b.constants.begin(), b.constants.end(),
                    constants);
}

template <class T>
LoopRecorder<T>::LoopRecorder(const LoopStep<T>& step) {
  if (!begin(step)) return;
  for (const Node<T>* node : step.nodes) {
    if (!node->plan(*this)) refuse(fmt::format("{} is not done without a node yet", node->name()));
    if (!refusal_.empty()) return;
  }
  finish(step);
  if (refusal_.empty()) check_cuts();
  if (refusal_.empty()) check_weights();
  if (refusal_.empty()) check_input(*step.input.tensor());
  if (refusal_.empty()) check_overlaps(step);
}

template <class T>
bool LoopRecorder<T>::begin(const LoopStep<T>& step) {
  program_.input = step.input.shape();
  places_[step.input.tensor()] = {LoopPlace::Kind::input, 0};
  if (step.before.size() != step.after.size()) refuse("the state has members that are empty at times");
  std::vector<const Tensor<T>*> distinct;
  for (std::size_t m = 0; m < step.after.size() && refusal_.empty(); ++m) {
    const Tensor<T>* after = step.after[m].tensor();
    const auto found = std::find(distinct.begin(), distinct.end(), after);
    const auto number = static_cast<std::size_t>(found - distinct.begin());
    program_.members.push_back(number);
    if (found == distinct.end()) distinct.push_back(after);
    if (after == step.output) program_.output = number;
    if (step.before[m].shape() != step.after[m].shape()) refuse("the state changes its shape");
    places_.emplace(step.before[m].tensor(), LoopPlace{LoopPlace::Kind::before, number});
  }
  if (std::find(distinct.begin(), distinct.end(), step.output) == distinct.end())
    refuse("the state's visit() does not show its output");
  return refusal_.empty();
}

template <class T>
void LoopRecorder<T>::finish(const LoopStep<T>& step) {
  program_.carried.assign(
      program_.members.empty() ? 0 : *std::max_element(program_.members.begin(), program_.members.end()) + 1,
      0);
  for (std::size_t m = 0; m < step.after.size(); ++m) {
    const auto found = places_.find(step.after[m].tensor());
    if (found == places_.end() || found->second.kind != LoopPlace::Kind::value)
      return refuse("a member of the state is not computed by the step");
    program_.carried[program_.members[m]] = found->second.number;
  }
  const std::size_t output = program_.carried[program_.output];
  if (program_.values[output].whole) refuse("the output is a part of another value");
  for (const Kernel& k : program_.kernels)  // whose gradients would lie in that of all outputs, in one piece
    if (k.kind == Kind::affine && k.out[0] == output) refuse("the output is a product");
  for (std::size_t v : program_.carried)
    if (const auto& whole = program_.values[v].whole; whole && whole->kind != LoopPlace::Kind::value)
      refuse("a member of the state is a part of what the step was given");
}

// A weight is read by products alone.
template <class T>
void LoopRecorder<T>::check_weights() {
  std::vector<char> is_weight(program_.constants.size(), 0);
  for (const Kernel& k : program_.kernels)
    for (const auto& term : k.terms) is_weight[k.in[term.w].number] = 1;
  for (const Kernel& k : program_.kernels)
    for (std::size_t n = 0; n < k.in.size(); ++n) {
      const bool as_weight =
          std::any_of(k.terms.begin(), k.terms.end(), [n](const auto& t) { return t.w == n; });
      if (!as_weight && k.in[n].kind == LoopPlace::Kind::constant && is_weight[k.in[n].number])
        return refuse("a weight is read by another op, too");
    }
}

// A gradient is written as a whole or by the parts of one cut.
template <class T>
void LoopRecorder<T>::check_cuts() {
  std::vector<LoopPlace> cut;
  for (const Kernel& k : program_.kernels) {
    if (k.kind != Kind::parts) continue;
    const LoopPlace& whole = k.in[0];
    const bool twice = std::find(cut.begin(), cut.end(), whole) != cut.end();
    const bool nested = whole.kind == LoopPlace::Kind::value && program_.values[whole.number].whole;
    if (twice || nested) return refuse("a value is cut more than once");
    cut.push_back(whole);
  }
  const auto is_cut = [&](const LoopPlace& p) { return std::find(cut.begin(), cut.end(), p) != cut.end(); };
  for (std::size_t v : program_.carried)
    if (is_cut({LoopPlace::Kind::value, v})) return refuse("a member of the state is cut in the same step");
  for (const Kernel& k : program_.kernels) {
    if (k.kind != Kind::parts && std::any_of(k.in.begin(), k.in.end(), is_cut))
      return refuse("a value is read both as a whole and in parts");
  }
}

// What a product overwrites, nobody else may read.
template <class T>
void LoopRecorder<T>::check_input(const Tensor<T>& x) {
  if (is_watched(x))
    return refuse("the gradient of the input is watched, or it is read after it was overwritten");
  int readers = 0;
  bool shares = false;
  for (const Kernel& k : program_.kernels) {
    readers += static_cast<int>(std::count(k.in.begin(), k.in.end(), LoopPlace{LoopPlace::Kind::input, 0}));
    shares = shares || k.shares_gradient;
  }
  if (shares && readers > 1) refuse("the input is read beside the product that overwrites it");
}

// Gradients that are apart here must not lie in the same memory.
template <class T>
void LoopRecorder<T>::check_overlaps(const LoopStep<T>& step) {
  std::vector<const Tensor<T>*> all = {step.input.tensor()};
  for (const Variable<T>& v : step.before)
    if (std::find(all.begin(), all.end(), v.tensor()) == all.end()) all.push_back(v.tensor());
  for (const TensorRef<T>& c : program_.constants) all.push_back(c.get());
  const auto root = [](const Tensor<T>* t) {
    while (t->is_view()) t = &t->creator->input(0);
    return t;
  };
  for (std::size_t a = 0; a < all.size(); ++a) {
    for (std::size_t b = a + 1; b < all.size(); ++b) {
      const Tensor<T>&s = *all[a], &t = *all[b];
      if (!s.requires_grad || !t.requires_grad || root(&s) != root(&t)) continue;
      const bool apart = s.data + s.shape.size() <= t.data || t.data + t.shape.size() <= s.data;
      if (a == 0 || !apart) return refuse("two things that the step reads are parts of one array");
    }
  }
}

template <class T>
auto LoopRecorder<T>::add_kernel(Kind kind, const Node<T>& node, index_t size) -> Kernel& {
  Kernel& kernel = program_.kernels.emplace_back();
  kernel.kind = kind;
  kernel.node = Ref<Node<T>>(const_cast<Node<T>*>(&node));
  kernel.size = size;
  for (std::size_t k = 0; k < node.input_count(); ++k) kernel.in.push_back(place_of(node.input(k)));
  return kernel;
}

template <class T>
void LoopRecorder<T>::add_outputs(Kernel& kernel, const Node<T>& node) {
  for (std::size_t m = 0; m < node.output_count(); ++m) {
    const Tensor<T>* out = node.output(m);
    kernel.out.push_back(out ? program_.values.size() : Kernel::unused);
    if (!out) continue;
    if (out->shape.size() == 0) refuse("an empty array is computed");
    if (is_watched(*out)) refuse(fmt::format("the gradient of {} is watched", node.name()));
    places_[out] = {LoopPlace::Kind::value, program_.values.size()};
    program_.values.push_back({out->shape});
  }
}

template <class T>
LoopPlace LoopRecorder<T>::place_of(const Tensor<T>& t) {
  if (t.shape.size() == 0) refuse("an empty array is read");
  if (!t.dense()) refuse("a value that is not in one piece is read");
  const auto [found, is_new] =
      places_.try_emplace(&t, LoopPlace{LoopPlace::Kind::constant, program_.constants.size()});
  if (is_new) program_.constants.emplace_back(const_cast<Tensor<T>*>(&t));
  return found->second;
}

template <class T>
void LoopRecorder<T>::fused(const Node<T>& node, const FusedCode<T>& code, const T* numbers) {
  const Shape* shape = nullptr;
  for (std::size_t m = 0; m < node.output_count(); ++m)
    if (node.output(m)) shape = &node.output(m)->shape;
  if (!shape) return refuse("an op without results");
  Kernel& kernel = add_kernel(Kind::fused, node, shape->size());
  for (std::size_t k = 0; k < kernel.in.size(); ++k) {
    const Tensor<T>& t = node.input(k);
    const bool same = t.shape == *shape, number = !t.requires_grad && t.shape.size() == 1;
    kernel.reshaped.push_back(!same);
    // One element takes sums of its own way; others that repeat would need sums.
    if (same || (number && kernel.in[k].kind == LoopPlace::Kind::constant)) continue;
    if (t.shape.size() != shape->size() || (shape->size() == 1 && t.requires_grad))
      return refuse(fmt::format("{} repeats elements", node.name()));
  }
  kernel.code = &code;
  kernel.numbers.assign(numbers, numbers + code.numbers);
  add_outputs(kernel, node);
}

template <class T>
void LoopRecorder<T>::affine(const Node<T>& node, const Tensor<T>* addend,
                             std::span<const typename StepPlanner<T>::Term> terms, Precision precision) {
  Kernel& kernel = add_kernel(Kind::affine, node, node.output()->shape.size());
  kernel.reshaped.assign(kernel.in.size(), 0);
  kernel.has_addend = addend != nullptr;
  kernel.precision = precision;
  kernel.shares_gradient = node.output()->shares_grad();
  std::size_t next = addend ? 1 : 0;
  for (const auto& term : terms) {
    auto& t = kernel.terms.emplace_back();
    t.x = next++, t.w = next++, t.b = term.b ? next++ : 0;
    const auto is_weight = [&](std::size_t k) {
      return kernel.in[k].kind == LoopPlace::Kind::constant && node.input(k).is_leaf();
    };
    if (!is_weight(t.w) || (t.b && !is_weight(t.b))) return refuse("a weight of linear() that is computed");
  }
  if (next != node.input_count()) return refuse("linear() of an embedding");
  if (kernel.shares_gradient && kernel.in[0].kind != LoopPlace::Kind::input)
    return refuse("a product over a value that is overwritten");
  add_outputs(kernel, node);
}

template <class T>
void LoopRecorder<T>::parts(const Node<T>& node) {
  const Tensor<T>& whole = node.input(0);
  Kernel& kernel = add_kernel(Kind::parts, node, whole.shape.size());
  add_outputs(kernel, node);
  for (std::size_t k = 0; k < kernel.out.size(); ++k) {
    if (kernel.out[k] == Kernel::unused) continue;
    if (!node.output(k)->dense()) return refuse("a slice that is not in one piece");
    LoopValue& value = program_.values[kernel.out[k]];
    value.whole = kernel.in[0];
    value.offset = node.output(k)->data - whole.data;
  }
}

template <class T>
void LoopRecorder<T>::other(const Node<T>& node, typename StepPlanner<T>::Run) {
  refuse(fmt::format("{} is not done without a node yet", node.name()));
}

template <class T>
std::string LoopProgram<T>::str() const {
  const auto name = [](const LoopPlace& p) {
    static constexpr char letters[] = {'x', 's', 'v', 'c'};
    return p.kind == LoopPlace::Kind::input
               ? std::string("x")
               : fmt::format("{}{}", letters[static_cast<std::size_t>(p.kind)], p.number);
  };
  std::string text;
  for (const LoopKernel<T>& k : kernels) {
    std::string in, out;
    for (const LoopPlace& p : k.in) in += fmt::format("{}{}", in.empty() ? "" : ", ", name(p));
    for (std::size_t v : k.out)
      if (v != LoopKernel<T>::unused) out += fmt::format("{}v{}", out.empty() ? "" : ", ", v);
    text += fmt::format("{} = {}({})  {} elements\n", out, k.node->name(), in, k.size);
  }
  for (std::size_t c = 0; c < carried.size(); ++c)
    text += fmt::format("s{} = v{} {}{}\n", c, carried[c], values[carried[c]].shape.str(),
                        c == output ? ", the output" : "");
  return text;
}

UNROLL_COMPILE_TYPES(class LoopRecorder, struct LoopProgram)
UNROLL_COMPILE_FUNCTIONS(same_program)

}  // namespace unroll::detail
