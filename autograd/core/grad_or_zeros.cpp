#include "unroll/detail/autograd/core/grad_or_zeros.hpp"

#include <algorithm>

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/tape.hpp"

namespace unroll {

template <class T>
std::vector<Variable<T>> detail::grad_or_zeros(const std::vector<Variable<T>>& outputs,
                                               const std::vector<Variable<T>>& inputs,
                                               const GradOptions& options,
                                               const std::vector<Variable<T>>& seeds) {
  if (!seeds.empty() && seeds.size() != outputs.size()) {
    raise<UsageError>("grad: need one seed for each of {} outputs; got {}", outputs.size(), seeds.size());
  }
  std::vector<detail::TensorRef<T>> roots, wanted;
  std::vector<Variable<T>> from;
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    const Variable<T>& y = outputs[k];
    if (!y) detail::fail_empty("grad: outputs", k);
    if (seeds.empty() && y.size() != 1) {
      raise<UsageError>("grad: output {} has the shape {}; give seeds, or take a sum first", k + 1,
                        y.shape().str());
    }
    if (!seeds.empty() && (!seeds[k] || seeds[k].shape() != y.shape())) {
      raise<ShapeError>("grad: seed {} must have the shape {}", k + 1, y.shape().str());
    }
    if (!y.requires_grad()) continue;
    roots.push_back(y.ref());
    from.push_back(seeds.empty() ? Variable<T>(y.shape(), T{1}) : seeds[k]);
  }
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    if (!inputs[k]) detail::fail_empty("grad: inputs", k);
    if (!inputs[k].requires_grad()) {
      raise<UsageError>(
          "grad: input {} {} does not require a gradient; call requires_grad(true) on it before use", k + 1,
          inputs[k].shape().str());
    }
    wanted.push_back(inputs[k].ref());
  }
  std::vector<Variable<T>> result(inputs.size());
  if (!wanted.empty() && !roots.empty()) {
    result = detail::Tape<T>::local().backward(roots, from,
                                               {.retain = options.retain_graph || options.create_graph,
                                                .create_graph = options.create_graph,
                                                .wanted = wanted});
  }
  for (std::size_t k = 0; k < inputs.size(); ++k)
    if (!result[k]) result[k] = Variable<T>(inputs[k].shape(), T{0});
  return result;
}

template <class T>
std::vector<Variable<T>> grad(const std::vector<Variable<T>>& outputs, const std::vector<Variable<T>>& inputs,
                              const GradOptions& options, const std::vector<Variable<T>>& seeds) {
  const auto constant = [](const Variable<T>& y) { return y && !y.requires_grad(); };
  if (!outputs.empty() && std::ranges::all_of(outputs, constant)) {
    raise<UsageError>(
        "grad: output 1 {} does not depend on anything that requires a gradient{}; call requires_grad(true) "
        "on the inputs before they are used, outside NoGrad; a gradient is differentiable if grad() was "
        "given create_graph = true",
        outputs[0].shape().str(), outputs.size() > 1 ? ", nor do the others" : "");
  }
  return detail::grad_or_zeros(outputs, inputs, options, seeds);
}

UNROLL_COMPILE_FUNCTIONS(detail::grad_or_zeros)
template std::vector<Variable<float>> grad(const std::vector<Variable<float>>&,
                                           const std::vector<Variable<float>>&, const GradOptions&,
                                           const std::vector<Variable<float>>&);
template std::vector<Variable<double>> grad(const std::vector<Variable<double>>&,
                                            const std::vector<Variable<double>>&, const GradOptions&,
                                            const std::vector<Variable<double>>&);

}  // namespace unroll
