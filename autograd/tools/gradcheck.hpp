#pragma once
/// \file Gradients against central differences, in double. For tests of ops, layers and whole models.

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "unroll/autograd/functional.hpp"

namespace unroll {

struct GradcheckOptions {
  std::string op = {};  ///< named in a failure; by default the op that made the output
  bool full = false;    ///< every element of the outputs by itself, not one random weighted sum of them
  double step = 6e-6;   ///< of the differences, times max(1, |x|)
  double absolute = 1e-8, relative = 1e-6;  ///< |a − n| ≤ absolute + relative · max(|a|, |n|)
  std::uint64_t seed = 1;                   ///< of the random weights
};

/// A gradient that disagrees with the differences. The message names everything below.
struct GradcheckError : Error {
  using Error::Error;
  std::string op;                    ///< the last op of f
  std::size_t input = 0;             ///< its number; inputs[0] is the first
  std::vector<index_t> element;      ///< its index in that input
  double analytic = 0, numeric = 0;  ///< by the tape, by differences
  std::uint64_t seed = 0;            ///< of the cotangent
};

namespace detail {
using CheckedFunction = VectorFunction<double>;
}

/// What:   checks d f / d inputs by central differences for every element of every input that requires a
///         gradient. f takes `inputs` (a vector of Variables) and returns one Variable, an expression, or a
///         vector or array of Variables. It may read the inputs as captured handles, too: they are moved in
///         place by update() and put back, so parameters of a module can be given.
/// Range:  f must be smooth within a step of the inputs.
/// Errors: GradcheckError at the first gradient that is wrong; UsageError where no input is a leaf that
///         requires a gradient, or where f gives different values for the same inputs.
/// Cost:   two evaluations for each input element; stored gradients are not touched.
void gradcheck(const detail::CheckedFunction& f, const std::vector<Variable<double>>& inputs,
               const GradcheckOptions& options = {});

namespace detail {
template <class T>
void refuse_gradcheck_of() {
  static_assert(
      std::same_as<T, double>,
      "gradcheck needs Variable<double> and a cell or module of double, since differences in float are "
      "too coarse");
}
}  // namespace detail
/// Refuses inputs of float.
template <class F, std::same_as<float> T>
void gradcheck(const F&, const std::vector<Variable<T>>&, const GradcheckOptions& = {}) {
  detail::refuse_gradcheck_of<T>();
}
/// The same for a list of them.
template <class F, std::same_as<float> T>
void gradcheck(const F&, std::initializer_list<Variable<T>>, const GradcheckOptions& = {}) {
  detail::refuse_gradcheck_of<T>();
}

/// The same for the second order: checks the recorded gradients of grad(create_graph), with respect to the
/// inputs and to the seeds, against differences of first-order gradients, and that the two agree in value.
void gradgradcheck(const detail::CheckedFunction& f, const std::vector<Variable<double>>& inputs,
                   const GradcheckOptions& options = {});

/// The same for forward mode: checks the Jacobian–vector product of f with each element of the inputs by
/// itself against the differences. A failure names the element moved and a weighted sum of what it moves.
void jvpcheck(const detail::CheckedFunction& f, const std::vector<Variable<double>>& inputs,
              const GradcheckOptions& options = {});

/// Whether gradcheck, gradgradcheck or jvpcheck finds nothing wrong.
bool passes_gradcheck(const detail::CheckedFunction& f, const std::vector<Variable<double>>& inputs,
                      const GradcheckOptions& options = {});
/// The same for gradgradcheck.
bool passes_gradgradcheck(const detail::CheckedFunction& f, const std::vector<Variable<double>>& inputs,
                          const GradcheckOptions& options = {});
/// The same for jvpcheck.
bool passes_jvpcheck(const detail::CheckedFunction& f, const std::vector<Variable<double>>& inputs,
                     const GradcheckOptions& options = {});

}  // namespace unroll
