#include "unroll/detail/export/c_script.hpp"

#include <algorithm>

#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/host_reads.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/fused/compiled.hpp"

namespace unroll::detail {
namespace {

// The same values as the result of an op, so that whatever is computed from them is recorded.
template <class T>
Variable<T> as_recorded(const Variable<T>& v) {
  Variable<T> leaf = v.copy();
  leaf.requires_grad(true);
  return apply_compiled(ScalarOp::add, {leaf, Variable<T>(T{0})});
}

}  // namespace

template <class T>
ScriptRecorder<T>::ScriptRecorder(std::string_view caller,
                                  std::vector<std::pair<std::string, Variable<T>>> parameters)
    : caller_(caller), parameters_(std::move(parameters)) {}
template <class T>
ScriptRecorder<T>::~ScriptRecorder() = default;

template <class T>
Script<T> ScriptRecorder<T>::record(const Step& step, const Shape& x,
                                    const std::vector<ScriptState<T>>& state) {
  using Kind = typename ScriptValue<T>::Kind;
  Tape<T> tape;
  const UseTape<T> here(tape);
  const Recording recording;
  const MatmulPrecision written(Precision::float32);  // C has no other
  const Variable<T> input = as_recorded(Variable<T>(x, T{0}));
  script_.input = new_value(*input.tensor(), Kind::input, "x");
  std::vector<Variable<T>> members;
  for (const auto& [name, first] : state) {
    members.push_back(as_recorded(first));
    const Variable<T> dense_first = dense(first);
    script_.carried.push_back({name,
                               new_value(*members.back().tensor(), Kind::state, name),
                               -1,
                               {dense_first.data(), dense_first.data() + dense_first.size()}});
  }
  const auto end_part = [&](const std::string& name, const std::vector<Variable<T>>& values) {
    kept_.insert(kept_.end(), values.begin(), values.end());
    for (const Node<T>* node : tape.live_nodes()) groups_.try_emplace(node, script_.groups.size());
    script_.groups.push_back(name);
  };
  std::pair<Variable<T>, std::vector<Variable<T>>> results;
  {
    const HostReads reads;
    results = step(input, members, end_part);
    if (reads.by())
      raise<UsageError>("{}: the step takes a value out of the graph by {}(); let ops compute with it",
                        caller_, reads.by());
  }
  if (script_.groups.empty()) end_part("step", {});
  for (const Node<T>* node : tape.live_nodes()) {
    const auto found = groups_.find(node);
    group_ = found == groups_.end() ? script_.groups.size() - 1 : found->second;
    take_down(*node);
  }
  script_.output = number_of(*results.first.tensor());
  for (std::size_t k = 0; k < state.size(); ++k) {
    if (results.second[k].size() != state[k].first.size())
      raise<UsageError>("{}: the state's {} has {} elements before the step and {} after it", caller_,
                        state[k].name, state[k].first.size(), results.second[k].size());
    script_.carried[k].after = number_of(*results.second[k].tensor());
  }
  return std::move(script_);
}

template <class T>
void ScriptRecorder<T>::take_down(const Node<T>& node) {
  bool constant = true;
  for (std::size_t k = 0; k < node.input_count(); ++k) constant = constant && is_constant(node.input(k));
  if (constant || node.plan(*this)) return;
  std::vector<Variable<T>> inputs;
  for (std::size_t k = 0; k < node.input_count(); ++k) inputs.emplace_back(TensorRef<T>(&node.input(k)));
  const std::size_t known = Tape<T>::local().live_nodes().size();
  const std::vector<Variable<T>> results = node.as_ops(inputs);
  if (results.empty()) raise<UsageError>("{}: {} cannot be written as C", caller_, node.name());
  const auto nodes = Tape<T>::local().live_nodes();
  for (std::size_t k = known; k < nodes.size(); ++k) take_down(*nodes[k]);
  for (std::size_t k = 0; k < node.output_count(); ++k)
    if (node.output(k)) numbers_[node.output(k)] = number_of(*results[k].tensor());
  kept_.insert(kept_.end(), results.begin(), results.end());
}

template <class T>
int ScriptRecorder<T>::new_value(const Tensor<T>& t, typename ScriptValue<T>::Kind kind, std::string name) {
  const int number = static_cast<int>(script_.values.size());
  script_.values.push_back({kind, t.shape, std::move(name)});
  numbers_[&t] = number;
  return number;
}

template <class T>
int ScriptRecorder<T>::number_of(const Tensor<T>& t) {
  if (const auto found = numbers_.find(&t); found != numbers_.end()) return found->second;
  if (const auto found = constants_.find(&t); found != constants_.end()) return found->second;
  const int number = static_cast<int>(script_.values.size());
  ScriptValue<T> value{ScriptValue<T>::Kind::constant, t.shape, {}};
  value.numbers.resize(static_cast<std::size_t>(t.shape.size()));
  copy_dense(t, value.numbers.data());
  for (const auto& [name, parameter] : parameters_)
    if (parameter.tensor() == &t) value.name = name;
  script_.values.push_back(std::move(value));
  return constants_[&t] = number;
}

template <class T>
auto ScriptRecorder<T>::add(typename Statement::Kind kind, const Node<T>& node) -> Statement& {
  Statement s{kind, node.name(), group_, {}, {}};
  for (std::size_t k = 0; k < node.input_count(); ++k) s.in.push_back(number_of(node.input(k)));
  for (std::size_t m = 0; m < node.output_count(); ++m) {
    const Tensor<T>* t = node.output(m);
    s.out.push_back(t ? new_value(*t, ScriptValue<T>::Kind::made, {}) : -1);
  }
  script_.statements.push_back(std::move(s));
  return script_.statements.back();
}

template <class T>
void ScriptRecorder<T>::fused(const Node<T>& node, const FusedCode<T>& code, const T* numbers) {
  Statement& s = add(Statement::Kind::fused, node);
  s.code = &code;
  s.numbers.assign(numbers, numbers + code.numbers);
}

template <class T>
void ScriptRecorder<T>::affine(const Node<T>& node, const Tensor<T>* addend,
                               std::span<const typename StepPlanner<T>::Term> terms, Precision) {
  Statement& s = add(Statement::Kind::affine, node);
  if (addend) s.addend = number_of(*addend);
  for (const auto& term : terms)
    s.terms.push_back({number_of(*term.x), number_of(*term.w), term.b ? number_of(*term.b) : -1});
}

template <class T>
void ScriptRecorder<T>::parts(const Node<T>& node) {
  const auto& view = static_cast<const ViewNode<T>&>(node);
  const Tensor<T>& whole = node.input(0);
  const int number = number_of(whole);
  for (std::size_t k = 0; k < node.output_count(); ++k) {
    const Tensor<T>* part = node.output(k);
    if (!part) continue;
    const index_t size = part->shape.size();
    const GradSlot<T> region = view.region(k, {whole.data, whole.shape.size(), whole.shape.size(), false});
    const index_t first = region.data - whole.data;
    if (region.run == size || region.run == region.pitch) {
      ScriptValue<T> value{ScriptValue<T>::Kind::made, part->shape, {}, {}, number, first};
      if (const auto& of = script_.values[static_cast<std::size_t>(number)]; of.whole >= 0)
        value.whole = of.whole, value.first += of.first;
      numbers_[part] = static_cast<int>(script_.values.size());
      script_.values.push_back(std::move(value));
    } else {
      Statement s{Statement::Kind::moves, node.name(), group_, {number}, {}};
      s.out.push_back(new_value(*part, ScriptValue<T>::Kind::made, {}));
      s.move.push_back({0, first, 0, {{size / region.run, region.pitch, region.run}, {region.run, 1, 1}}});
      script_.statements.push_back(std::move(s));
    }
  }
}

template <class T>
void ScriptRecorder<T>::other(const Node<T>& node, typename StepPlanner<T>::Run) {
  raise<UsageError>("{}: {} cannot be written as C", caller_, node.name());
}

template <class T>
void ScriptRecorder<T>::moves(const Node<T>& node, std::vector<StepMove> moves) {
  add(Statement::Kind::moves, node).move = std::move(moves);
}
template <class T>
void ScriptRecorder<T>::sums(const Node<T>& node, const Shape& kept) {
  add(Statement::Kind::sums, node).move = {broadcast_move(0, kept, node.input(0).shape)};
}
template <class T>
void ScriptRecorder<T>::products(const Node<T>& node, StepProducts products) {
  add(Statement::Kind::products, node).product = std::move(products);
}
template <class T>
void ScriptRecorder<T>::normalised(const Node<T>& node, const StepNorm& norm, typename StepPlanner<T>::Run) {
  add(Statement::Kind::normalised, node).norm = norm;
}

UNROLL_COMPILE_TYPES(class ScriptRecorder)

}  // namespace unroll::detail
