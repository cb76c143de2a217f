#include "unroll/layers/diagonal_rtrl.hpp"

#include <algorithm>

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/tools/leaves.hpp"

namespace unroll::detail {

template <class T>
UnitTraces<T>::UnitTraces(const std::vector<NamedParameter<T>>& all, const Arrays& c)
    : rows_(c[0].shape()[0]), units_(c[0].size() / std::max<index_t>(1, rows_)), traces_(c.size()) {
  for (const auto& p : all)
    if (p.variable && p.variable.requires_grad()) parameters_.push_back(p);
  if (parameters_.empty())
    raise<UsageError>("diagonal_rtrl: no parameter requires a gradient; there is nothing to learn");
}

// θ is what the first coefficients depend on.
template <class T>
void UnitTraces<T>::find_parameters(const Arrays& a, const Arrays& b, const Arrays& c) {
  Arrays outputs = a;
  outputs.insert(outputs.end(), b.begin(), b.end());
  const auto leaves = leaves_of(outputs);
  UnitTraces found = *this;
  std::erase_if(found.parameters_, [&](const auto& p) {
    return std::none_of(leaves.begin(), leaves.end(),
                        [&](const auto& l) { return l.leaf.same_as(p.variable); });
  });
  for (const auto& [name, p] : found.parameters_) {
    if (p.rank() < 1 || p.shape()[0] % units_ != 0)
      raise<UsageError>(
          "diagonal_rtrl: parameter {} {} does not have a row for each of {} units; learn this cell by Rtrl",
          name, p.shape().str(), units_);
    found.count_ += p.size();
  }
  for (auto& part : found.traces_) part.assign(static_cast<std::size_t>(rows_ * found.count_), T{0});
  found.check_units(a, b, c);
  found.found_ = true;
  *this = std::move(found);
}

// ∂/∂θ of one part of Σ_u weight_u (a_u c_u + b_u) in one row of the batch.
template <class T>
std::vector<T> UnitTraces<T>::slopes(const Arrays& a, const Arrays& b, const Arrays& c, std::size_t part,
                                     index_t row, const std::vector<T>& weights) const {
  Arrays outputs, seeds, inputs;
  const auto add = [&](const Variable<T>& x, auto&& slope) {
    if (!x.requires_grad()) return;
    Variable<T> seed(x.shape(), T{0});
    T* const s = seed.mutable_data() + (x.size() == units_ ? 0 : row * units_);
    for (index_t u = 0; u < units_; ++u) s[u] = weights[static_cast<std::size_t>(u)] * slope(u);
    outputs.push_back(x), seeds.push_back(seed);
  };
  const auto state = [&](std::size_t p) {
    return [&, p](index_t u) { return c[p].data()[row * units_ + u]; };
  };
  add(b[part], [](index_t) { return T{1}; });
  if (a.size() == 1) {
    add(a[0], state(0));
  } else {
    add(a[0], state(part));
    add(a[1], [&](index_t u) { return part == 0 ? -state(1)(u) : state(0)(u); });
  }
  std::vector<T> all(static_cast<std::size_t>(count_), T{0});
  if (outputs.empty()) return all;
  for (const auto& p : parameters_) inputs.push_back(p.variable);
  const Arrays gradients = grad(outputs, inputs, {.retain_graph = true}, seeds);
  T* to = all.data();
  for (const Variable<T>& g : gradients) to = std::copy_n(g.data(), g.size(), to);
  return all;
}

// With a weight of its own for each unit, the slope of each element must be that of its unit.
template <class T>
void UnitTraces<T>::check_units(const Arrays& a, const Arrays& b, const Arrays& c) const {
  std::vector<T> ones(static_cast<std::size_t>(units_), T{1}), weights;
  for (index_t u = 0; u < units_; ++u) weights.push_back(static_cast<T>(1 + (u * 7 + 3) % 11));
  Arrays probe;
  for (const Variable<T>& part : c) probe.push_back(Variable<T>(part.shape(), T{1}));
  for (std::size_t part = 0; part < c.size(); ++part) {
    const std::vector<T> plain = slopes(a, b, probe, part, 0, ones),
                         weighted = slopes(a, b, probe, part, 0, weights);
    for_each([&](index_t i, index_t u) {
      const T expected = weights[static_cast<std::size_t>(u)] * plain[static_cast<std::size_t>(i)];
      const T seen = weighted[static_cast<std::size_t>(i)];
      if (std::abs(seen - expected) <= T(1e-4) * std::max(T{1}, std::abs(expected))) return;
      index_t at = i;
      for (const auto& [name, p] : parameters_) {
        if (at < p.size())
          raise<UsageError>(
              "diagonal_rtrl: parameter {} {} acts on other units than its rows; learn this cell by Rtrl",
              name, p.shape().str());
        at -= p.size();
      }
    });
  }
}

template <class T>
void UnitTraces<T>::advance(const Arrays& a, const Arrays& b, const Arrays& c) {
  if (!found_) find_parameters(a, b, c);
  const std::vector<T> ones(static_cast<std::size_t>(units_), T{1});
  const auto value = [&](const Variable<T>& x, index_t row, index_t u) {
    return x.data()[x.size() == units_ ? u : row * units_ + u];
  };
  for (index_t row = 0; row < rows_; ++row) {
    std::vector<std::vector<T>> own;
    for (std::size_t part = 0; part < c.size(); ++part) own.push_back(slopes(a, b, c, part, row, ones));
    T *const re = traces_[0].data() + row * count_, *const im = c.size() == 1
                                                                    ? nullptr
                                                                    : traces_[1].data() + row * count_;
    for_each([&](index_t i, index_t u) {
      const auto k = static_cast<std::size_t>(i);
      const T e = re[i], a_re = value(a[0], row, u);
      if (!im) {
        re[i] = a_re * e + own[0][k];
        return;
      }
      const T f = im[i], a_im = value(a[1], row, u);
      re[i] = a_re * e - a_im * f + own[0][k];
      im[i] = a_re * f + a_im * e + own[1][k];
    });
  }
}

template <class T>
void UnitTraces<T>::backward(const Arrays& g) const {
  std::vector<T> sums(static_cast<std::size_t>(count_), T{0});
  for (std::size_t part = 0; part < g.size(); ++part)
    for (index_t row = 0; g[part] && row < rows_; ++row) {
      const T* const e = traces_[part].data() + row * count_;
      const T* const slope = g[part].data() + row * units_;
      for_each([&](index_t i, index_t u) { sums[static_cast<std::size_t>(i)] += slope[u] * e[i]; });
    }
  const T* from = sums.data();
  for (const auto& [name, p] : parameters_) {
    auto slope = Variable<T>::uninitialised(p.shape());
    std::copy_n(from, p.size(), slope.mutable_data());
    from += p.size();
    p.backward(slope);
  }
}

UNROLL_COMPILE_TYPES(class UnitTraces)

}  // namespace unroll::detail
