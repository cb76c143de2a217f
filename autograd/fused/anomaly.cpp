/// \file Anomaly mode: who made the first bad value?

#include <algorithm>
#include <cmath>
#include <optional>

#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/autograd/variable.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/tape.hpp"
#include "unroll/detail/autograd/fused/code.hpp"

namespace unroll {

AnomalyMode::AnomalyMode(bool infinite) : before_(level) { level = std::max(level, infinite ? 2 : 1); }
AnomalyMode::~AnomalyMode() { level = before_; }
bool AnomalyMode::bad(double x) { return level == 2 ? !std::isfinite(x) : std::isnan(x); }

namespace detail {
namespace {

/// Calls f(i) for each bad element until it returns false.
template <class T, class F>
void for_bad(const T* data, index_t size, index_t run, index_t pitch, F&& f) {
  for (index_t i = 0; i < size; ++i)
    if (AnomalyMode::bad(data[i / run * pitch + i % run]) && !f(i)) return;
}

template <class T>
bool any_bad(const T* data, index_t size, index_t run, index_t pitch) {
  bool any = false;
  for_bad(data, size, run, pitch, [&](index_t) { return !(any = true); });
  return any;
}

/// What the context says of the bad values of an array of `shape`.
template <class T>
std::string describe_bad(const Context* context, const Shape& shape, const T* data, index_t run,
                         index_t pitch) {
  if (!context) return "";
  const index_t columns = shape.rank() == 0 ? 1 : shape.back(0);
  const index_t slab = shape.rank() == 0 ? 1 : shape.size() / shape[0];  // of one index along axis 0
  Elements bad{.first = 0, .columns = columns, .begin = columns, .end = 0};
  for_bad(data, shape.size(), run, pitch, [&](index_t i) {
    if (bad.end == 0) bad.first = i / slab;
    bad.begin = std::min(bad.begin, i % columns);
    bad.end = std::max(bad.end, i % columns + 1);
    return true;
  });
  return context->describe(bad);
}

template <class T>
bool is_bad(const Tensor<T>& t) {
  return any_bad(t.data, t.shape.size(), t.run, t.pitch);
}

// Throws where an input holds a bad value already, which then is in the result as well.
template <class T>
void refuse_bad_inputs(std::string_view op, std::span<Tensor<T>* const> inputs) {
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const Tensor<T>& in = *inputs[k];
    if (!is_bad(in)) continue;
    index_t first = 0;
    for_bad(in.data, in.shape.size(), in.run, in.pitch, [&](index_t i) { return first = i, false; });
    raise<UsageError>(
        "anomaly: {}input {} {} of {} holds a bad value, element {}; look at where it comes from",
        describe_bad(ContextScope::current().get(), in.shape, in.data, in.run, in.pitch), k + 1,
        name_and_shape(in), op, first);
  }
}

template <class T>
void note_context(const Node<T>& node) {
  if (auto context = ContextScope::current()) Tape<T>::local().contexts()[&node] = std::move(context);
}

template <class T>
const Context* noted_context(const Node<T>& node) {
  const auto& contexts = Tape<T>::local().contexts();
  const auto at = contexts.find(&node);
  return at == contexts.end() ? nullptr : at->second.get();
}

/// The first op that made a bad value.
struct FirstBad final : OpVisitor {
  std::optional<ScalarOp> op;
  std::uint64_t inputs = 0;
  void visit(const OpValues& computed) override {
    if (op || !computed.bad) return;
    op = computed.op;
    inputs = computed.inputs;
  }
};

}  // namespace

template <class T>
void check_anomaly(const Node<T>& node, const Tensor<T>& output) {
  note_context(node);
  if (!is_bad(output)) return;
  PoolVector<Tensor<T>*> inputs;
  for (std::size_t k = 0; k < node.input_count(); ++k) inputs.push_back(&node.input(k));
  refuse_bad_inputs<T>(node.name(), inputs);
  raise<UsageError>(
      "anomaly: {}{} made a bad value in {}; look at its inputs",
      describe_bad(ContextScope::current().get(), output.shape, output.data, output.run, output.pitch),
      node.find_nan(), output.shape.str());
}

template <class T>
void check_gradient_anomaly(const Node<T>& node) {
  for (std::size_t k = 0; k < node.input_count(); ++k) {
    const Tensor<T>& in = node.input(k);
    if (in.grad_state != GradState::full || !Tape<T>::local().wants(in)) continue;
    const GradSlot<T> g = grad_layout(in);
    if (!any_bad(g.data, in.shape.size(), g.run, g.pitch)) continue;
    const Context* context = noted_context(node);
    const ColumnBlock block = context ? column_block(in) : ColumnBlock{};
    raise<UsageError>(
        "anomaly: {}backward of {} made a bad gradient of input {} {}; look at the values there",
        block.is_whole() ? describe_bad(context, in.shape, g.data, g.run, g.pitch) : context->describe(block),
        node.name(), k + 1, name_and_shape(in));
  }
}

template <class T>
void inspect_fused(const Node<T>* node, const FusedCode<T>& code, const T* numbers, Tensor<T>* const* inputs,
                   std::span<const Variable<T>> outputs) {
  const Shape& shape = outputs[0].shape();
  std::vector<ColumnBlock> blocks;
  for (int k = 0; k < code.inputs; ++k) blocks.push_back(column_block(*inputs[k]));
  if (AnomalyMode::active()) {
    if (node) note_context(*node);
    FirstBad first;
    inspect_code(code, numbers, inputs, shape, first);
    if (first.op) {
      const auto context = ContextScope::current();
      raise<UsageError>("anomaly: {}{} in {} made a bad value in an array {}; look at its inputs",
                        context ? context->describe(common_block(first.inputs, blocks)) : "",
                        facts_of(*first.op).name, code.name(), shape.str());
    }
    if (std::ranges::any_of(outputs, [](const Variable<T>& y) { return is_bad(*y.tensor()); }))
      refuse_bad_inputs<T>(code.name(), {inputs, code.inputs});
  }
  for (Observer* o = Observer::first(); o; o = o->outer()) {
    o->begin(blocks);
    inspect_code(code, numbers, inputs, shape, *o);
    o->end();
  }
}

UNROLL_COMPILE_FUNCTIONS(check_anomaly, check_gradient_anomaly, inspect_fused)

}  // namespace detail
}  // namespace unroll
