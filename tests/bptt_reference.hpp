#pragma once
/// \file Truncated BPTT by its definition, an independent unroll for every pass, as the tests' oracle.

#include <algorithm>
#include <vector>

#include "arrays.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/detail/layers/learning/leaf_state.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/module.hpp"

namespace unroll::tests {

using V = Variable<double>;
using Vs = std::vector<V>;

inline Vs all_parameters(const auto& module) {
  Vs all;
  for (const auto& p : parameters(module)) all.push_back(p.variable);
  return all;
}

using Lists = std::vector<std::vector<double>>;

inline Lists gradients(const Vs& ps) {
  Lists all;
  for (const V& p : ps) all.push_back(p.has_grad() ? gradient_list(p) : std::vector<double>(p.size(), 0.0));
  return all;
}

inline void clear(Vs ps) {
  for (V& p : ps) p.zero_grad();
}

inline void descend(Vs ps, double rate) {
  for (V& p : ps) {
    if (p.has_grad()) p.update([&](auto& value) { value -= rate * p.grad(); });
    p.zero_grad();
  }
}

/// What is to be learnt: cell and readout by the loss at every step.
template <class Cell>
struct Model {
  using value_type = double;
  Cell cell;
  Linear<double> readout;
  template <class F>
  void visit(F&& v) {
    v("cell", cell), v("readout", readout);
  }
};

/// BPTT(k1, k2) by its definition: a new unroll for every pass, from the stored state k2 steps ago, through
/// copies of the cell as each step found it.
template <class Cell, class S>
class Reference {
 public:
  Reference(const Model<Cell>& model, S s) : model_(model), states_{detach_state(s)} {}

  void step(const V& x, const V& target) {
    const NoGrad off;
    cells_.push_back(clone(model_.cell));
    xs_.push_back(x), targets_.push_back(target);
    states_.push_back(detail::whole_step(model_.cell, x, states_.back()));
  }

  /// The gradients of the losses of the last `losses` steps, back over at most k2.
  Lists pass(index_t losses, index_t k2) {
    const index_t end = static_cast<index_t>(xs_.size()), start = std::max<index_t>(0, end - k2);
    const Model<Cell> fresh = clone(model_);
    V total(0.0);
    for (index_t t = end - losses; t < start; ++t)
      total = total + loss(fresh, t, output_of(states_[at(t + 1)]));
    S s = states_[at(start)];
    for (index_t t = start; t < end; ++t) {
      s = detail::whole_step(cells_[at(t)], xs_[at(t)], s);
      if (t >= end - losses) total = total + loss(fresh, t, output_of(s));
    }
    total.backward();
    Lists sums = gradients(all_parameters(fresh));
    for (index_t t = start; t < end; ++t) {
      const Lists part = gradients(all_parameters(cells_[at(t)]));
      for (std::size_t k = 0; k < part.size(); ++k)
        for (std::size_t i = 0; i < part[k].size(); ++i) sums[k][i] += part[k][i];
      clear(all_parameters(cells_[at(t)]));
    }
    return sums;
  }

 private:
  static std::size_t at(index_t t) { return static_cast<std::size_t>(t); }
  V loss(const Model<Cell>& m, index_t t, const V& h) const { return mse(m.readout(h), targets_[at(t)]); }

  const Model<Cell>& model_;
  std::vector<Cell> cells_;
  std::vector<S> states_;
  Vs xs_, targets_;
};

}  // namespace unroll::tests
