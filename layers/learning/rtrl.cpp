#include "unroll/layers/rtrl.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>

namespace unroll::detail {
namespace {

template <class T>
void check_shapes(const std::vector<Variable<T>>& before, const std::vector<Variable<T>>& after) {
  if (before.size() != after.size())
    raise<UsageError>("rtrl: the state has {} members, but the step returned {}; return all of them",
                      before.size(), after.size());
  for (std::size_t k = 0; k < before.size(); ++k) {
    if (before[k].shape() == after[k].shape()) continue;
    raise<ShapeError>("rtrl: the state changed its shape from {} to {}", before[k].shape().str(),
                      after[k].shape().str());
  }
}

}  // namespace

template <class T>
Influence<T>::Influence(const std::vector<Variable<T>>& parameters, const std::vector<Variable<T>>& initial) {
  index_t columns = 0;
  for (const Variable<T>& p : parameters) {
    if (!p || !p.requires_grad()) continue;
    if (!p.is_leaf())
      raise<UsageError>("rtrl: parameter {} is the result of an op; give what it is computed from",
                        p.shape().str());
    parameters_.push_back(p);
    columns += p.size();
  }
  if (parameters_.empty())
    raise<UsageError>("rtrl: no parameter requires a gradient; give those that are to be learnt");
  if (initial.empty()) raise<UsageError>("rtrl: the initial state is empty; assign values to its members");
  j_ = PanelMatrix<T>(StateRows(initial).rows(), columns);
  step_.find_by_passes({}, initial, parameters_);
  j_.advance({}, step_.of_parameters());
}

template <class T>
void Influence<T>::advance(const std::vector<Variable<T>>& before, const std::vector<Variable<T>>& after) {
  check_shapes(before, after);
  if (!step_.find(before, after, parameters_)) step_.find_by_passes(before, after, parameters_);
  j_.advance(step_.of_state(), step_.of_parameters());
  step_.clear();
}

template <class T>
void Influence<T>::backward(std::vector<Variable<T>> state) const {
  const StateRows rows(state);
  PoolVector<T> g(static_cast<std::size_t>(rows.rows()), T{0}),
      sums(static_cast<std::size_t>(parameter_count()));
  std::vector<Variable<T>> slopes;
  for (const Variable<T>& s : state) slopes.push_back(s.has_grad() ? Variable<T>(s.grad()) : Variable<T>());
  rows.for_each(state, [&](std::size_t k, index_t i, index_t row) {
    if (slopes[k]) g[static_cast<std::size_t>(row)] = slopes[k].data()[i];
  });
  for (Variable<T>& s : state) s.zero_grad();
  j_.multiply_left(g.data(), sums.data());
  const T* from = sums.data();
  for (const Variable<T>& p : parameters_) {
    auto slope = Variable<T>::uninitialised(p.shape());
    std::copy_n(from, p.size(), slope.mutable_data());
    from += p.size();
    p.backward(slope);
  }
}

UNROLL_COMPILE_TYPES(class Influence)

}  // namespace unroll::detail
