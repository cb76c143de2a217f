# Which xsimd each xtensor works with. xtensor's README says so, but its package does not check it, and a pair that does
# not fit fails deep inside their headers. xsimd's package in turn accepts only requests for its own major version.

# unroll_xtensor_problem(RESULT): after both packages were found; RESULT is empty, or names the two that do not fit.
function(unroll_xtensor_problem result)
  if(xtensor_VERSION VERSION_LESS 0.24.4)
    set(needed 8.1)
  elseif(xtensor_VERSION VERSION_LESS 0.26)
    set(needed 10)
  else()
    set(needed 13.2)
  endif()
  set(problem)
  if(xsimd_VERSION VERSION_LESS needed)
    string(CONCAT problem "unroll: xtensor ${xtensor_VERSION} (${xtensor_DIR}) needs xsimd ${needed} or newer; "
                          "found xsimd ${xsimd_VERSION} (${xsimd_DIR})")
  endif()
  set(${result} ${problem} PARENT_SCOPE)
endfunction()
