/// \file The cure for an OpenBLAS that does not know the processor; OPENBLAS_CORETYPE, if set, wins.

#include <cstdlib>
#include <mutex>
#include <string_view>

#include "unroll/detail/autograd/gemm/backend.hpp"

extern "C" {
// OpenBLAS alone has these, and only if it was built to choose at run time
__attribute__((weak)) char* gotoblas_corename();
__attribute__((weak)) void gotoblas_dynamic_init();
__attribute__((weak)) void gotoblas_dynamic_quit();
}

namespace unroll::blas::backend {
namespace {

constexpr const char* variable = "OPENBLAS_CORETYPE";

const char* best_core() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
    return "SkylakeX";
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
  return nullptr;
}

void choose_again() {
  if (!gotoblas_corename || !gotoblas_dynamic_init || !gotoblas_dynamic_quit) return;
  if (std::getenv(variable) || std::string_view(gotoblas_corename()) != "Prescott") return;
  const char* core = best_core();
  if (!core) return;
  setenv(variable, core, 1);
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
  unsetenv(variable);
}

}  // namespace

void choose_openblas_kernels() {
  static std::once_flag once;
  std::call_once(once, choose_again);
}

}  // namespace unroll::blas::backend
