# The library's recurrent layers, compiled: a source file for each header of FOLDER that has lines such as
#
#     UNROLL_LAYER(Lstm, LstmCell)
#     UNROLL_COMPILED_CELL(ElmanCell, Tanh)
#
# so that a new cell needs its header and nothing else. See layers/recurrent/library_layer.hpp.
#
# unroll_layers(FOLDER OUT): appends the sources to the list OUT.
function(unroll_layers folder out)
  set(sources ${${out}})
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.hpp)
  foreach(header IN LISTS headers)
    file(STRINGS ${header} lines REGEX "^UNROLL_(LAYER|COMPILED_CELL)\\(")
    if(NOT lines)
      continue()
    endif()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
    set(code)
    foreach(line IN LISTS lines)
      string(REGEX REPLACE "^UNROLL_(LAYER\\([^,]*, *|COMPILED_CELL\\()" "UNROLL_COMPILE_CELL(" line "${line}")
      string(APPEND code "${line}\n")
    endforeach()
    cmake_path(GET header STEM name)
    set(source ${PROJECT_BINARY_DIR}/${folder}/${name}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n\nnamespace unroll {\n${code}}\n" @ONLY)
    list(APPEND sources ${source})
  endforeach()
  set(${out} ${sources} PARENT_SCOPE)
endfunction()
