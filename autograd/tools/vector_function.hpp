#pragma once  // internal
/// \file Functions that are differentiated, whatever they return.

#include <iterator>
#include <memory>
#include <type_traits>
#include <vector>

#include "unroll/autograd/variable.hpp"

namespace unroll {

struct DerivativeOptions;
template <class T>
struct Product;
template <class T>
struct Products;

namespace detail {

template <class T>
using Variables = std::vector<Variable<T>>;

template <class T, class Y>
Variables<T> as_vector(Y y) {
  constexpr bool several = requires { Variables<T>(std::begin(y), std::end(y)); };
  if constexpr (std::is_convertible_v<Y, Variable<T>>) {
    return {Variable<T>(std::move(y))};
  } else if constexpr (several) {
    return Variables<T>(std::begin(y), std::end(y));
  } else {
    static_assert(several,
                  "the function to differentiate returns a Variable, an expression, or a vector or array of "
                  "Variables; of a struct, such as a state, list the members: return std::vector{s.h, s.c};");
    return {};
  }
}

/// A reference to a function that returns one Variable, an expression or several Variables, as one that
/// returns a vector. For parameters alone: it does not own the function, as std::function would, which is
/// much more to compile for each lambda.
template <class T>
class VectorFunction {
 public:
  template <class F, class = std::enable_if_t<std::is_invocable_v<const F&, const Variables<T>&>>>
  VectorFunction(const F& f)
      : f_(reinterpret_cast<const void*>(std::addressof(f))), call_([](const void* g, const Variables<T>& x) {
          return as_vector<T>((*reinterpret_cast<const F*>(const_cast<void*>(g)))(x));
        }) {}

  Variables<T> operator()(const Variables<T>& inputs) const { return call_(f_, inputs); }

 private:
  const void* f_;
  Variables<T> (*call_)(const void*, const Variables<T>&);
};

/// A function of one Variable as one of a vector.
template <class T, class F>
auto unary_function(const F& f) {
  return [&f](const Variables<T>& inputs) { return f(inputs[0]); };
}

template <class T>
Products<T> run_vjp(const VectorFunction<T>& f, const Variables<T>& inputs, const Variables<T>& seeds,
                    const DerivativeOptions& options);
template <class T>
Products<T> run_jvp(const VectorFunction<T>& f, const Variables<T>& inputs, const Variables<T>& tangents,
                    const DerivativeOptions& options);
template <class T>
Products<T> run_hvp(const VectorFunction<T>& f, const Variables<T>& inputs, const Variables<T>& vectors,
                    const DerivativeOptions& options);
template <class T>
std::vector<Variables<T>> run_jacobian(const VectorFunction<T>& f, const Variables<T>& inputs,
                                       const DerivativeOptions& options);
/// The only value and product.
/// Errors: UsageError naming `what` where the function has several values.
template <class T>
Product<T> only(const char* what, Products<T> all);

}  // namespace detail
}  // namespace unroll
