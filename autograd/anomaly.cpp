/// \file Anomaly mode: who made the first bad value?

#include <algorithm>
#include <cmath>

#include "autograd/tape.hpp"
#include "autograd/variable.hpp"

namespace unroll {

AnomalyMode::AnomalyMode(bool infinite) : before_(level) { level = std::max(level, infinite ? 2 : 1); }
AnomalyMode::~AnomalyMode() { level = before_; }
bool AnomalyMode::bad(double x) { return level == 2 ? !std::isfinite(x) : std::isnan(x); }

namespace detail {
namespace {

template <class T>
bool any_bad(const T* data, index_t size, index_t run, index_t pitch) {
  for (index_t i = 0; i < size; ++i)
    if (AnomalyMode::bad(data[i / run * pitch + i % run])) return true;
  return false;
}

}  // namespace

template <class T>
void check_anomaly(const Node<T>& node, const Tensor<T>& output) {
  const auto bad = [](const Tensor<T>& t) { return any_bad(t.data, t.shape.size(), t.run, t.pitch); };
  if (!bad(output)) return;
  for (std::size_t k = 0; k < node.input_count(); ++k)
    if (bad(node.input(k))) return;  // it was given, not made here
  fail<UsageError>("anomaly: {} made a bad value in {}; look at its inputs", node.find_nan(),
                   output.shape.str());
}

template <class T>
void check_gradient_anomaly(const Node<T>& node) {
  for (std::size_t k = 0; k < node.input_count(); ++k) {
    const Tensor<T>& in = node.input(k);
    if (in.grad_state != GradState::full || !Tape<T>::local().wants(in)) continue;
    const GradSlot<T> g = grad_layout(in);
    if (!any_bad(g.data, in.shape.size(), g.run, g.pitch)) continue;
    fail<UsageError>("anomaly: backward of {} made a bad gradient of input {} {}; look at the values there",
                     node.name(), k + 1, name_and_shape(in));
  }
}

#define UNROLL_INSTANTIATE(T)                                    \
  template void check_anomaly(const Node<T>&, const Tensor<T>&); \
  template void check_gradient_anomaly(const Node<T>&);
UNROLL_INSTANTIATE(float)
UNROLL_INSTANTIATE(double)

}  // namespace detail
}  // namespace unroll
