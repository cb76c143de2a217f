#include "unroll/layers/functional_call.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <unordered_map>

namespace unroll::detail {
namespace {

template <class T>
void check_weights(const std::vector<NamedParameter<T>>& parameters,
                   const std::vector<Variable<T>>& weights) {
  if (weights.size() != parameters.size())
    raise<UsageError>("functional: the module has {} parameters; got {} weights", parameters.size(),
                      weights.size());
  for (std::size_t k = 0; k < weights.size(); ++k) {
    const auto& [name, p] = parameters[k];
    if (!weights[k]) raise<UsageError>("functional: the weight for {} is an empty Variable", name);
    if (!(weights[k].shape() == p.shape()))
      raise<ShapeError>("functional: need {} as {}; got {}", name, p.shape().str(), weights[k].shape().str());
  }
}

}  // namespace

template <class T>
void replace_parameters(const Members<T>& members, const std::vector<Variable<T>>& weights) {
  const std::vector<NamedParameter<T>> parameters = parameters_of(members);
  check_weights(parameters, weights);
  std::unordered_map<const void*, std::size_t> number;
  for (std::size_t k = 0; k < weights.size(); ++k) number[parameters[k].variable.tensor()] = k;
  for (const Member<T>& member : members)
    if (auto* const* p = std::get_if<Variable<T>*>(&member.at); p && **p)
      **p = weights[number.at((**p).tensor())];
}

UNROLL_COMPILE_FUNCTIONS(replace_parameters)

}  // namespace unroll::detail
