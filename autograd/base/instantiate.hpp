#pragma once  // internal
/// \file Templates that the library compiles for float and for double, so that its users need not.
///
/// At the end of a .cpp file, in the namespace of what it names:
///
///     UNROLL_COMPILE_FUNCTIONS(sum, mean, detail::sum_to)
///     UNROLL_COMPILE_TYPES(class Tape, struct Tensor)
///
/// A function is named without its parameters, so it must be the only template of that name that accepts <float>; of
/// overloads each is written out, and so is a member of a class that another file compiles.

#define UNROLL_COMPILE_FUNCTIONS(...) UNROLL_FOR_EACH(UNROLL_COMPILE_FUNCTION, __VA_ARGS__)
#define UNROLL_COMPILE_TYPES(...) UNROLL_FOR_EACH(UNROLL_COMPILE_TYPE, __VA_ARGS__)

#define UNROLL_COMPILE_FUNCTION(name)         \
  template decltype(name<float>) name<float>; \
  template decltype(name<double>) name<double>;
#define UNROLL_COMPILE_TYPE(name) \
  template name<float>;           \
  template name<double>;

// M(a) M(b) …: each expansion of UNROLL_NEXT_ yields one element and, unexpanded, the rest; UNROLL_SCAN rescans it.
#define UNROLL_FOR_EACH(M, ...) __VA_OPT__(UNROLL_SCAN(UNROLL_NEXT_(M, __VA_ARGS__)))
#define UNROLL_NEXT_(M, first, ...) \
  M(first) __VA_OPT__(UNROLL_NEXT_AGAIN_ UNROLL_PARENTHESES_()(M, __VA_ARGS__))
#define UNROLL_NEXT_AGAIN_() UNROLL_NEXT_
#define UNROLL_PARENTHESES_() ()
#define UNROLL_SCAN(...) UNROLL_SCAN_4_(UNROLL_SCAN_4_(UNROLL_SCAN_4_(__VA_ARGS__)))
#define UNROLL_SCAN_4_(...) UNROLL_SCAN_1_(UNROLL_SCAN_1_(UNROLL_SCAN_1_(__VA_ARGS__)))
#define UNROLL_SCAN_1_(...) __VA_ARGS__
