# The text that char_lm learns when it is given none: the project's own documents and sources, compiled in.
# Included, it sets default_text_source and the rule that makes it; run with -P, it writes the file.
#
# Adjacent string literals, one for each file, need no assembler and compile in a tenth of a second.
if(CMAKE_SCRIPT_MODE_FILE)
  file(STRINGS ${LIST} files)
  set(part ${OUTPUT}.part) # written piece by piece: a string that grows would be copied for each of them
  file(WRITE ${part} "#include \"char_lm/default_text.hpp\"\n\n"
                     "namespace unroll {\nnamespace {\n\nconstexpr char text[] =")
  foreach(file IN LISTS files)
    file(READ ${file} text)
    string(FIND "${text}" ")%text%\"" clash)
    if(NOT clash EQUAL -1)
      message(FATAL_ERROR "${file} contains the delimiter of the generated literals")
    endif()
    file(APPEND ${part} "\nR\"%text%(${text})%text%\"")
  endforeach()
  file(APPEND ${part} ";\n\n}  // namespace\n\n"
                      "std::string_view default_text() { return {text, sizeof text - 1}; }\n\n}  // namespace unroll\n")
  file(RENAME ${part} ${OUTPUT})
  return()
endif()

set(folders autograd layers optim io data train report tests examples benchmarks docs)
set(patterns ${PROJECT_SOURCE_DIR}/*.md ${PROJECT_SOURCE_DIR}/*.hpp)
foreach(folder IN LISTS folders)
  foreach(depth "" */)
    foreach(ending md hpp cpp)
      list(APPEND patterns ${PROJECT_SOURCE_DIR}/${folder}/${depth}*.${ending})
    endforeach()
  endforeach()
endforeach()
file(GLOB texts CONFIGURE_DEPENDS ${patterns}) # sorted, so that every machine learns the same text
list(JOIN texts "\n" lines)
set(text_list ${CMAKE_CURRENT_BINARY_DIR}/default_text.list)
file(CONFIGURE OUTPUT ${text_list} CONTENT "${lines}\n" @ONLY)

set(default_text_source ${CMAKE_CURRENT_BINARY_DIR}/default_text.cpp)
add_custom_command(OUTPUT ${default_text_source}
                   COMMAND ${CMAKE_COMMAND} -DLIST=${text_list} -DOUTPUT=${default_text_source}
                           -P ${PROJECT_SOURCE_DIR}/cmake/DefaultText.cmake
                   DEPENDS ${texts} ${text_list} ${PROJECT_SOURCE_DIR}/cmake/DefaultText.cmake
                   COMMENT "Collecting the default text" VERBATIM)
# C++ compilers need only promise 65,536 characters for a literal; both of ours take any length.
set_source_files_properties(${default_text_source} PROPERTIES COMPILE_OPTIONS -Wno-overlength-strings)
