# How the library and the project's own programs are compiled. unroll::unroll exports nothing of it: in particular
# never -march, which belongs to the consumer.
add_library(unroll_flags INTERFACE)   # all but how much the compiler optimises
add_library(unroll_options INTERFACE) # all
target_link_libraries(unroll_options INTERFACE unroll_flags)

# Not -ffast-math: NaN and infinity are part of the contract.
set(UNROLL_LOOP_FLAGS -fno-math-errno -fno-trapping-math -fopenmp-simd)
target_compile_options(unroll_flags INTERFACE ${UNROLL_LOOP_FLAGS})
if(UNROLL_UNITE)
  # gcc collects its garbage no sooner than at 1 GB: a tenth less time, for a fifth more memory.
  target_compile_options(unroll_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:--param=ggc-min-heapsize=1000000>)
endif()
if(UNROLL_FUZZ)
  set(sanitizers -fsanitize=address,undefined -fno-sanitize=null,alignment,vptr -fno-sanitize-recover=all
      -fno-omit-frame-pointer)
  target_compile_options(unroll_flags INTERFACE -g1 ${sanitizers} -fsanitize=fuzzer-no-link)
  target_compile_options(unroll_options INTERFACE -O1)
  target_compile_definitions(unroll_flags INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(unroll_flags INTERFACE ${sanitizers})
elseif(UNROLL_SANITIZE)
  # Null and misaligned pointers end in a report anyway; looking for them first takes a third of the compiler's time.
  set(sanitizers -fsanitize=address,undefined -fno-sanitize=null,alignment -fno-sanitize-recover=all
      -fno-omit-frame-pointer)
  if(UNROLL_ESSENTIAL) # so do these, which take a sixth of it, and are looked for where time does not matter
    list(APPEND sanitizers -fno-sanitize=pointer-overflow,object-size,vptr)
  endif()
  # Lines for the reports; variables would take a tenth of the compiler's time.
  target_compile_options(unroll_flags INTERFACE -g1 ${sanitizers})
  target_compile_options(unroll_options INTERFACE -O1)
  # gcc calls the address sanitizer's checks rather than writing each out, which takes a quarter of its time; what is
  # checked is the same. Not in the engine, whose loops would run half as long again.
  set(above_engine $<NOT:$<STREQUAL:$<TARGET_PROPERTY:NAME>,unroll_engine>>)
  target_compile_options(unroll_flags INTERFACE
                         $<$<AND:$<CXX_COMPILER_ID:GNU>,${above_engine}>:--param=asan-instrumentation-with-call-threshold=0>)
  target_compile_definitions(unroll_flags INTERFACE _GLIBCXX_ASSERTIONS)
  # At a fixed address: the checks have half a million pointers in a program, and the tests start hundreds of programs.
  target_link_options(unroll_flags INTERFACE ${sanitizers} $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-no-pie>)
elseif(UNROLL_COVERAGE)
  # Tests are compiled with it as well, because templates of the library are instantiated there; what is counted is
  # chosen by the file a function stands in. Nothing is inlined before it is counted.
  string(REGEX REPLACE "([][+.*^$(){}|?\\])" "\\\\\\1" source_dir "${PROJECT_SOURCE_DIR}")
  target_compile_options(unroll_flags INTERFACE --coverage -fprofile-update=atomic -fno-early-inlining
                         "-fprofile-filter-files=^${source_dir}/(autograd|layers|optim|io|data|train|report|examples)/")
  target_compile_options(unroll_options INTERFACE -Og)
  target_link_options(unroll_flags INTERFACE --coverage)
else()
  # gcc 12 vectorises at -O3 only, and a consumer may ask for less or for nothing (Release has it).
  target_compile_options(unroll_options INTERFACE $<$<NOT:$<CONFIG:Debug,MinSizeRel,Release>>:-O3>)
endif()

# For steps, texts and fused expressions, which are as fast so and compile sooner (docs/measurements.md, Compile time).
set(UNROLL_LESS_OPTIMISED $<$<AND:$<CONFIG:Release>,$<CXX_COMPILER_ID:GNU>>:-O1 -finline-functions -ftree-vectorize
                          -fvect-cost-model=dynamic>)
if(UNROLL_FUZZ) # of sanitized loops clang vectorises none
  list(APPEND UNROLL_LESS_OPTIMISED -Wno-pass-failed)
endif()

# xsimd 8.1 does not compile for AVX-512 without any optimisation.
target_compile_options(unroll_options INTERFACE $<$<AND:$<CONFIG:Debug>,$<NOT:$<BOOL:${UNROLL_SANITIZE}>>>:-Og>)

set(UNROLL_ARCH_FLAG)
if(UNROLL_ARCH)
  set(UNROLL_ARCH_FLAG -march=${UNROLL_ARCH})
elseif(UNROLL_NATIVE)
  set(UNROLL_ARCH_FLAG -march=native)
endif()
target_compile_options(unroll_flags INTERFACE ${UNROLL_ARCH_FLAG})

if(PROJECT_IS_TOP_LEVEL)
  target_compile_options(unroll_flags INTERFACE -Wall -Wextra -Wpedantic $<$<BOOL:${UNROLL_WERROR}>:-Werror>)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False alarms of gcc 12: in its own intrinsics (bug 105593), and in std::string's operator+ (bug 105651).
  target_compile_options(unroll_flags INTERFACE -Wno-uninitialized -Wno-maybe-uninitialized -Wno-restrict)
  set(UNROLL_GOMP gomp) # oneDNN's threads, which it is told not to start
else()
  set(UNROLL_GOMP)
endif()
if(UNROLL_STANDALONE)
  target_compile_options(unroll_flags INTERFACE -ffunction-sections -fdata-sections)
  target_link_options(unroll_flags INTERFACE -Wl,--gc-sections -static-libstdc++ -static-libgcc)
endif()
