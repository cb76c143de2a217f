# How the library and the project's own programs are compiled. Nothing of this is exported: in particular
# never -march, which belongs to the consumer.
add_library(unroll_options INTERFACE)

# Not -ffast-math: NaN and infinity are part of the contract.
target_compile_options(unroll_options INTERFACE -fno-math-errno -fno-trapping-math -fopenmp-simd)
if(UNROLL_SANITIZE)
  # Null and misaligned pointers end in a report anyway; looking for them first takes a third of the compiler's time.
  set(sanitizers -fsanitize=address,undefined -fno-sanitize=null,alignment -fno-sanitize-recover=all
      -fno-omit-frame-pointer)
  # Tracking variables through optimised code would take a third of the compiler's time.
  target_compile_options(unroll_options INTERFACE -O1 -g ${sanitizers}
                                                  $<$<CXX_COMPILER_ID:GNU>:-fno-var-tracking>)
  target_compile_definitions(unroll_options INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(unroll_options INTERFACE ${sanitizers})
else()
  # gcc 12 vectorises at -O3 only, and a consumer may ask for less or for nothing (Release has it).
  target_compile_options(unroll_options INTERFACE $<$<NOT:$<CONFIG:Debug,MinSizeRel,Release>>:-O3>)
endif()

# xsimd 8.1 does not compile for AVX-512 without any optimisation.
target_compile_options(unroll_options INTERFACE $<$<AND:$<CONFIG:Debug>,$<NOT:$<BOOL:${UNROLL_SANITIZE}>>>:-Og>)

if(UNROLL_ARCH)
  target_compile_options(unroll_options INTERFACE -march=${UNROLL_ARCH})
elseif(UNROLL_NATIVE)
  target_compile_options(unroll_options INTERFACE -march=native)
endif()

if(PROJECT_IS_TOP_LEVEL)
  target_compile_options(unroll_options INTERFACE -Wall -Wextra -Wpedantic $<$<BOOL:${UNROLL_WERROR}>:-Werror>)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False alarms of gcc 12: in its own intrinsics (bug 105593), and in std::string's operator+ (bug 105651).
  target_compile_options(unroll_options INTERFACE -Wno-uninitialized -Wno-maybe-uninitialized -Wno-restrict)
  set(UNROLL_OPENMP_FLAG -fopenmp)
else()
  set(UNROLL_OPENMP_FLAG "")
endif()
