# The program `unroll`: examples/unroll. Its target is unroll_program, because the library's is unroll; subcommands.cpp
# lists what it can do. The charts of its reports are drawn by dygraphs, of Debian's package libjs-dygraphs, which is
# compiled in; without it there is no such program.
find_path(DYGRAPHS_DIR dygraph.min.js PATHS /usr/share/javascript/dygraphs NO_DEFAULT_PATH)
if(NOT DYGRAPHS_DIR)
  message(STATUS "The program unroll is left out: it needs dygraph.min.js (Debian: libjs-dygraphs; or set DYGRAPHS_DIR)")
  return()
endif()
set(folder ${PROJECT_SOURCE_DIR}/examples/unroll)
file(GLOB parts CONFIGURE_DEPENDS ${folder}/*.cpp)
list(REMOVE_ITEM parts ${folder}/main.cpp)
unroll_example(unroll_program ${folder}/main.cpp)
set_target_properties(unroll_program PROPERTIES OUTPUT_NAME unroll)
unroll_parts(unroll_program_parts ${parts})
target_link_libraries(unroll_program_parts PUBLIC common_parts)
target_link_libraries(unroll_program PRIVATE unroll_program_parts)
