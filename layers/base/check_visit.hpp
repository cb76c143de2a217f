#pragma once
/// \file Checks of a module of one's own: that visit() shows all its parameters, and that its gradients are
/// right.

#include "unroll/autograd/gradcheck.hpp"
#include "unroll/layers/module.hpp"

namespace unroll {

namespace detail {

/// While it lives, scans of this thread are not divided over threads, each of which has a tape of its own.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

template <class T>
void check_shown(const std::vector<Variable<T>>& outputs, const std::vector<NamedParameter<T>>& parameters,
                 const std::vector<Variable<T>>& inputs);

/// f(inputs), or f() where it takes none.
template <class T, class F>
Variables<T> run_checked(const F& f, const Variables<T>& inputs) {
  if constexpr (std::is_invocable_v<const F&, const Variables<T>&>) {
    return as_vector<T>(f(inputs));
  } else {
    return as_vector<T>(f());
  }
}

}  // namespace detail

/// What:   runs f once and looks for parameters that it reads and the module's visit() does not show: they
///         would be neither trained nor saved. `check_visit(model, [&] { return model(x); });`
/// f takes nothing, or `inputs`: leaves that may require a gradient without being parameters. It returns one
/// Variable, an expression, or a vector or array of Variables.
/// A parameter without requires_grad(true) counts as frozen, and is not trained: summary(model) marks those.
/// Errors: UsageError that names each leaf that is not shown, by its name and shape and the op that reads it; a
///         parameter that is the result of an op; a name that is given twice; or where nothing was recorded
///         although the module has parameters, or none of them requires a gradient.
template <Module M, class F>
void check_visit(const M& module, const F& f,
                 const std::vector<Variable<detail::module_number<M>>>& inputs = {}) {
  const detail::OneThread whole_tape;
  detail::check_shown(detail::run_checked<detail::module_number<M>>(f, inputs), parameters(module), inputs);
}

namespace detail {

/// check_visit, and then `compare` of f as a function of the inputs and of all parameters that are not frozen.
template <Module M, class F, class Compare>
void check_with_parameters(const M& module, const F& f, const std::vector<Variable<double>>& inputs,
                           const Compare& compare) {
  constexpr bool of_double = std::is_same_v<module_number<M>, double>;
  static_assert(
      of_double,
      "gradcheck needs a module of double, since differences in float are too coarse; a struct of your "
      "own says that it is one by `using value_type = double;`");
  if constexpr (of_double) {
    check_visit(module, f, inputs);
    Variables<double> all = inputs;
    for (const auto& p : parameters(module))
      if (p.variable.requires_grad()) all.push_back(p.variable);
    const auto of_all = [&](const Variables<double>& values) {
      const auto end = values.begin() + static_cast<std::ptrdiff_t>(inputs.size());
      return run_checked<double>(f, {values.begin(), end});
    };
    compare(CheckedFunction(of_all), all);
  }
}

}  // namespace detail

/// What:   check_visit, and then gradcheck of f with respect to all parameters of the module that are not
///         frozen and all inputs that require a gradient. Failures count the inputs first, then the
///         parameters.
/// Errors: as check_visit and gradcheck.
template <Module M, class F>
void gradcheck(const M& module, const F& f, const std::vector<Variable<double>>& inputs = {},
               const GradcheckOptions& options = {}) {
  detail::check_with_parameters(module, f, inputs,
                                [&](const auto& g, const auto& all) { gradcheck(g, all, options); });
}
/// The same with gradgradcheck.
template <Module M, class F>
void gradgradcheck(const M& module, const F& f, const std::vector<Variable<double>>& inputs = {},
                   const GradcheckOptions& options = {}) {
  detail::check_with_parameters(module, f, inputs,
                                [&](const auto& g, const auto& all) { gradgradcheck(g, all, options); });
}
/// The same with jvpcheck.
template <Module M, class F>
void jvpcheck(const M& module, const F& f, const std::vector<Variable<double>>& inputs = {},
              const GradcheckOptions& options = {}) {
  detail::check_with_parameters(module, f, inputs,
                                [&](const auto& g, const auto& all) { jvpcheck(g, all, options); });
}
/// Refuses a module of float and its inputs.
template <Module M, class F, std::same_as<float> T>
void gradcheck(const M&, const F&, const std::vector<Variable<T>>&, const GradcheckOptions& = {}) {
  detail::refuse_gradcheck_of<T>();
}
/// The same for a list of inputs.
template <Module M, class F, std::same_as<float> T>
void gradcheck(const M&, const F&, std::initializer_list<Variable<T>>, const GradcheckOptions& = {}) {
  detail::refuse_gradcheck_of<T>();
}

}  // namespace unroll
