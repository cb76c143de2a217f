#include "unroll/autograd/functional.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>

#include "unroll/autograd/join.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/core/grad_or_zeros.hpp"

namespace unroll::detail {
namespace {

/// f, recorded from inputs that all require a gradient.
template <class T>
struct Recorded {
  Variables<T> inputs, outputs;

  Recorded(const char* what, const VectorFunction<T>& f, const Variables<T>& xs) {
    if (NoGrad::active()) raise<UsageError>("{}: nothing is recorded inside NoGrad; call it outside", what);
    for (std::size_t k = 0; k < xs.size(); ++k) {
      if (!xs[k]) fail_empty(what, k);
      inputs.push_back(xs[k].requires_grad() ? xs[k] : xs[k].detach().requires_grad(true));
    }
    outputs = f(inputs);
    for (const Variable<T>& y : outputs)
      if (!y)
        raise<UsageError>("{}: the function returned an empty Variable; assign a value to it first", what);
  }

  /// The values to hand out: free of the tape unless it is kept.
  Variables<T> values(const DerivativeOptions& options) const {
    Variables<T> result = outputs;
    if (!options.create_graph)
      for (Variable<T>& y : result) y = y.detach();
    return result;
  }
};

// vs must go with xs one by one.
template <class T>
void check_like(const char* what, const char* which, const Variables<T>& vs, const char* whose,
                const Variables<T>& xs) {
  if (vs.size() != xs.size()) {
    raise<UsageError>("{}: need one {} for each of {} {}s; got {}", what, which, xs.size(), whose, vs.size());
  }
  for (std::size_t k = 0; k < vs.size(); ++k) {
    if (!vs[k])
      raise<UsageError>("{}: {} {} is an empty Variable; assign a value to it first", what, which, k + 1);
    if (vs[k].shape() == xs[k].shape()) continue;
    raise<ShapeError>("{}: {} {} must have the shape of {} {}, {}; got {}", what, which, k + 1, whose, k + 1,
                      xs[k].shape().str(), vs[k].shape().str());
  }
}

// Any seeds will do for what is linear in them, but zeros: some rules let nothing flow where a gradient is
// exactly 0, so these are never 0 and cancel by no accident.
template <class T>
Variable<T> generic_seed(const Shape& shape) {
  auto seed = Variable<T>::uninitialised(shape);
  double fraction = 0.5;
  for (index_t i = 0; i < seed.size(); ++i) {
    fraction += 0.6180339887498949;  // the golden ratio's: evenly spread
    if (fraction >= 1) fraction -= 1;
    seed.tensor()->data[i] = static_cast<T>(0.5 + fraction);
  }
  return seed.requires_grad(true);
}

Shape joined(const Shape& a, const Shape& b) {
  if (a.rank() + b.rank() > Shape::max_rank) {
    raise<ShapeError>("jacobian: output {} and input {} make more than {} axes; reshape one of them", a.str(),
                      b.str(), Shape::max_rank);
  }
  std::vector<index_t> extents(a.begin(), a.end());
  extents.insert(extents.end(), b.begin(), b.end());
  return {extents.begin(), extents.end()};
}

/// ∂y/∂x for all inputs x: one row for each element of y.
template <class T>
Variables<T> jacobian_of(const Variable<T>& y, const Variables<T>& xs, const DerivativeOptions& options) {
  std::vector<Variables<T>> rows(xs.size());
  for (index_t i = 0; i < y.size(); ++i) {
    Variable<T> unit(y.shape(), T{0});
    unit.tensor()->data[i] = T{1};
    const Variables<T> g =
        grad_or_zeros<T>({y}, xs, {.retain_graph = true, .create_graph = options.create_graph}, {unit});
    for (std::size_t j = 0; j < xs.size(); ++j) rows[j].push_back(reshape(g[j], Shape{g[j].size()}));
  }
  Variables<T> result;
  for (std::size_t j = 0; j < xs.size(); ++j) {
    const Shape shape = joined(y.shape(), xs[j].shape());
    result.push_back(rows[j].empty() ? Variable<T>(shape, T{0}) : reshape(stack(rows[j]), shape));
  }
  return result;
}

}  // namespace

template <class T>
Products<T> run_vjp(const VectorFunction<T>& f, const Variables<T>& inputs, const Variables<T>& seeds,
                    const DerivativeOptions& options) {
  const Recorded<T> r("vjp", f, inputs);
  check_like("vjp", "seed", seeds, "output", r.outputs);
  Variables<T> g = grad_or_zeros<T>(r.outputs, r.inputs,
                                    {.retain_graph = false, .create_graph = options.create_graph}, seeds);
  return {r.values(options), std::move(g)};
}

template <class T>
Products<T> run_jvp(const VectorFunction<T>& f, const Variables<T>& inputs, const Variables<T>& tangents,
                    const DerivativeOptions& options) {
  check_like("jvp", "tangent", tangents, "input", inputs);
  const Recorded<T> r("jvp", f, inputs);
  Variables<T> seeds;
  for (const Variable<T>& y : r.outputs) seeds.push_back(generic_seed<T>(y.shape()));
  const Variables<T> g =
      grad_or_zeros<T>(r.outputs, r.inputs, {.retain_graph = false, .create_graph = true}, seeds);
  Variables<T> products =
      grad_or_zeros<T>(g, seeds, {.retain_graph = false, .create_graph = options.create_graph}, tangents);
  return {r.values(options), std::move(products)};
}

template <class T>
Products<T> run_hvp(const VectorFunction<T>& f, const Variables<T>& inputs, const Variables<T>& vectors,
                    const DerivativeOptions& options) {
  check_like("hvp", "vector", vectors, "input", inputs);
  const Recorded<T> r("hvp", f, inputs);
  if (r.outputs.size() != 1 || r.outputs[0].size() != 1) {
    raise<UsageError>(
        "hvp: need one output of size 1; got {}; take a sum or mean first",
        r.outputs.size() == 1 ? r.outputs[0].shape().str() : std::to_string(r.outputs.size()) + " outputs");
  }
  const Variables<T> g = grad_or_zeros<T>(r.outputs, r.inputs, {.retain_graph = false, .create_graph = true});
  Variables<T> products =
      grad_or_zeros<T>(g, r.inputs, {.retain_graph = false, .create_graph = options.create_graph}, vectors);
  return {r.values(options), std::move(products)};
}

template <class T>
std::vector<Variables<T>> run_jacobian(const VectorFunction<T>& f, const Variables<T>& inputs,
                                       const DerivativeOptions& options) {
  const Recorded<T> r("jacobian", f, inputs);
  for (const Variable<T>& y : r.outputs)
    for (const Variable<T>& x : r.inputs) joined(y.shape(), x.shape());
  std::vector<Variables<T>> result;
  for (const Variable<T>& y : r.outputs) result.push_back(jacobian_of(y, r.inputs, options));
  return result;
}

template <class T>
Product<T> only(const char* what, Products<T> all) {
  if (all.values.size() != 1) {
    raise<UsageError>("{}: need one output; got {}; give vectors of inputs and seeds", what,
                      all.values.size());
  }
  return {std::move(all.values[0]), std::move(all.products[0])};
}

UNROLL_COMPILE_FUNCTIONS(run_vjp, run_jvp, run_hvp, run_jacobian, only)

}  // namespace unroll::detail
