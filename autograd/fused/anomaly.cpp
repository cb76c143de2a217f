/// \file Anomaly mode: who made the first bad value?

#include <algorithm>
#include <cmath>
#include <optional>

#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/autograd/variable.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/inspect.hpp"
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

/// Where in the network bad values of an array of `shape` are: the gate, where all are in one.
template <class T>
std::string text_of(const Place* place, const Shape& shape, const T* data, index_t run, index_t pitch) {
  if (!place) return "";
  const index_t columns = place->run->columns, row = shape.rank() == 0 ? 1 : shape.back(0);
  const bool gates = columns > 0 && row > columns && row % columns == 0;
  index_t at = -1;
  Part part;
  for_bad(data, shape.size(), run, pitch, [&](index_t i) {
    const Part here = gates ? Part{i % row / columns, row / columns} : Part{};
    if (at < 0) at = i / (shape.size() / shape[0]), part = here;
    return part == here || (part = {}, false);
  });
  return place->text(part, at);
}

template <class T>
void note_place(const Node<T>& node) {
  if (Place::current) Tape<T>::local().places()[&node] = *Place::current;
}

template <class T>
const Place* noted_place(const Node<T>& node) {
  const auto& places = Tape<T>::local().places();
  const auto at = places.find(&node);
  return at == places.end() ? nullptr : &at->second;
}

/// The first op that made a bad value.
struct FirstBad final : OpVisitor {
  std::optional<std::string_view> op;
  std::uint64_t inputs = 0;
  void see(const OpOutcome& outcome) override {
    if (op || !outcome.bad) return;
    op = outcome.op;
    inputs = outcome.inputs;
  }
};

}  // namespace

template <class T>
void check_anomaly(const Node<T>& node, const Tensor<T>& output) {
  note_place(node);
  const auto bad = [](const Tensor<T>& t) { return any_bad(t.data, t.shape.size(), t.run, t.pitch); };
  if (!bad(output)) return;
  for (std::size_t k = 0; k < node.input_count(); ++k)
    if (bad(node.input(k))) return;  // it was given, not made here
  raise<UsageError>("anomaly: {}{} made a bad value in {}; look at its inputs",
                    text_of(Place::current, output.shape, output.data, output.run, output.pitch),
                    node.find_nan(), output.shape.str());
}

template <class T>
void check_gradient_anomaly(const Node<T>& node) {
  for (std::size_t k = 0; k < node.input_count(); ++k) {
    const Tensor<T>& in = node.input(k);
    if (in.grad_state != GradState::full || !Tape<T>::local().wants(in)) continue;
    const GradSlot<T> g = grad_layout(in);
    if (!any_bad(g.data, in.shape.size(), g.run, g.pitch)) continue;
    const Place* place = noted_place(node);
    const Part part = place ? part_of(in) : Part{};
    raise<UsageError>(
        "anomaly: {}backward of {} made a bad gradient of input {} {}; look at the values there",
        part.count > 1 ? place->text(part) : text_of(place, in.shape, g.data, g.run, g.pitch), node.name(),
        k + 1, name_and_shape(in));
  }
}

template <class T>
void inspect_fused(const Node<T>* node, const FusedCode<T>& code, const T* numbers, Tensor<T>* const* inputs,
                   const Shape& shape) {
  std::vector<Part> parts;
  for (int k = 0; k < code.inputs; ++k) parts.push_back(part_of(*inputs[k]));
  if (AnomalyMode::active()) {
    if (node) note_place(*node);
    FirstBad first;
    inspect_code(code, numbers, inputs, shape, first);
    if (first.op) {
      raise<UsageError>("anomaly: {}{} in {} made a bad value in an array {}; look at its inputs",
                        Place::current ? Place::current->text(common_part(first.inputs, parts)) : "",
                        *first.op, code.name(), shape.str());
    }
  }
  for (Onlooker* o = Onlooker::first(); o; o = o->outer()) {
    o->begin(parts);
    inspect_code(code, numbers, inputs, shape, *o);
    o->end();
  }
}

UNROLL_COMPILE_FUNCTIONS(check_anomaly, check_gradient_anomaly, inspect_fused)

}  // namespace detail
}  // namespace unroll
