# unroll_embed_text(OUTPUT NAMESPACE HEADER NAME FILE [NAME FILE]...): the source file OUTPUT, in which each
# `std::string_view NAME()` of the namespace, as HEADER declares it, is the text of a file. It is made when it is built,
# and anew when a file changes. References to source maps, which would be looked for beside the page, are left out.
if(CMAKE_SCRIPT_MODE_FILE)
  set(source "#include \"${HEADER}\"\n\nnamespace ${NAMESPACE} {\n")
  string(REPLACE "|" ";" pairs "${PAIRS}")
  while(pairs)
    list(POP_FRONT pairs name file)
    file(READ ${file} text)
    string(REGEX REPLACE "\n(//|/\\*)# sourceMappingURL=[^\n]*" "" text "${text}")
    string(FIND "${text}" ")%text%\"" clash)
    if(NOT clash EQUAL -1)
      message(FATAL_ERROR "${file} contains the delimiter of the generated literals")
    endif()
    string(APPEND source "\nstd::string_view ${name}() {\n  static constexpr char text[] =\n      R\"%text%(${text})%text%\";\n"
                         "  return {text, sizeof text - 1};\n}\n")
  endwhile()
  file(WRITE ${OUTPUT} "${source}\n}  // namespace ${NAMESPACE}\n")
  return()
endif()

set(unroll_embed_text_script ${CMAKE_CURRENT_LIST_FILE})
function(unroll_embed_text output namespace header)
  set(files)
  set(pairs ${ARGN})
  while(pairs)
    list(POP_FRONT pairs name file)
    list(APPEND files ${file})
  endwhile()
  list(JOIN ARGN "|" pairs)
  add_custom_command(OUTPUT ${output}
                     COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DNAMESPACE=${namespace} -DHEADER=${header}
                             "-DPAIRS=${pairs}" -P ${unroll_embed_text_script}
                     DEPENDS ${files} ${unroll_embed_text_script}
                     COMMENT "Embedding the texts of ${header}" VERBATIM)
  # C++ compilers need only promise 65,536 characters for a literal; both of ours take any length.
  set_source_files_properties(${output} PROPERTIES COMPILE_OPTIONS -Wno-overlength-strings
                                                   SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()
