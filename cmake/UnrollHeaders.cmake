# The include tree <unroll/…>: one-line headers in the build tree, the headers themselves where they are installed.
#
# A public header autograd/core/variable.hpp is found as <unroll/autograd/variable.hpp>: the folder is a part of the
# path, the room is not, so that a header can move from room to room. One whose first line says `#pragma once  // internal`
# keeps its whole path behind <unroll/detail/…>. <unroll/unroll.hpp> includes all public ones.
#
# unroll_headers(INCLUDE_DIR FOLDER...): makes the tree in INCLUDE_DIR and the rules that install it; sets
# unroll_public_headers to the sources of the public headers.
function(unroll_headers include_dir)
  set(tree ${include_dir}/unroll)
  set(made ${tree}/unroll.hpp ${tree}/version.hpp ${tree}/detail/config.hpp)
  set(public)
  set(umbrella "#include \"unroll/version.hpp\"\n")
  foreach(folder IN LISTS ARGN)
    file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.hpp ${PROJECT_SOURCE_DIR}/${folder}/*/*.hpp)
    foreach(header IN LISTS headers)
      file(STRINGS ${header} first LIMIT_COUNT 1)
      if(first MATCHES "// internal$")
        cmake_path(RELATIVE_PATH header BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE path)
        set(path detail/${path})
      else()
        cmake_path(GET header FILENAME name)
        set(path ${folder}/${name})
        list(APPEND public ${header})
        string(APPEND umbrella "#include \"unroll/${path}\"\n")
      endif()
      if(${tree}/${path} IN_LIST made)
        message(FATAL_ERROR "${header}: another header is <unroll/${path}> already")
      endif()
      list(APPEND made ${tree}/${path})
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header}) # it may become internal
      file(CONFIGURE OUTPUT ${tree}/${path} CONTENT "#include \"${header}\"\n" @ONLY)
      cmake_path(GET path PARENT_PATH to)
      install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/unroll/${to})
    endforeach()
  endforeach()
  set(about "#pragma once\n/// \\file All public headers.\n")
  file(CONFIGURE OUTPUT ${tree}/unroll.hpp CONTENT "${about}\n${umbrella}" @ONLY)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/version.hpp.in ${tree}/version.hpp @ONLY)
  set(mutants 0)
  if(UNROLL_MUTANTS)
    set(mutants 1)
  endif()
  configure_file(${PROJECT_SOURCE_DIR}/cmake/config.hpp.in ${tree}/detail/config.hpp @ONLY)
  install(FILES ${tree}/unroll.hpp ${tree}/version.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/unroll)
  install(FILES ${tree}/detail/config.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/unroll/detail)

  file(GLOB_RECURSE found ${tree}/*.hpp) # of headers that are gone
  list(REMOVE_ITEM found ${made})
  if(found)
    file(REMOVE ${found})
  endif()
  set(unroll_public_headers ${public} PARENT_SCOPE)
endfunction()
