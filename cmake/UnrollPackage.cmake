# The Debian package: the library with its headers and reference, and the programs as unroll-NAME. ./dev package makes
# it, in a build for every x86-64 processor.
option(UNROLL_INSTALL_PROGRAMS "Install the example programs, as unroll-char-lm and so on" OFF)
if(UNROLL_INSTALL_PROGRAMS)
  if(BUILD_SHARED_LIBS)
    message(FATAL_ERROR "UNROLL_INSTALL_PROGRAMS: the programs are installed as they were linked; set BUILD_SHARED_LIBS=OFF")
  endif()
  foreach(program IN LISTS UNROLL_PROGRAMS)
    string(REPLACE _ - name unroll-${program})
    install(PROGRAMS $<TARGET_FILE:${program}> DESTINATION ${CMAKE_INSTALL_BINDIR} RENAME ${name})
  endforeach()
  if(TARGET unroll_program)
    install(PROGRAMS $<TARGET_FILE:unroll_program> DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
  install(FILES README.md CHANGELOG.md NOTICES.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
  install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
  install(DIRECTORY build/docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/html)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR "unroll project")
set(CPACK_PACKAGE_DESCRIPTION
    "Recurrent cells are written as their equations, run over sequences of any lengths, and trained with gradients\n\
that the library computes. This package has the library with its headers and reference, and programs that train\n\
language models, classifiers, taggers and translators.")
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                                                WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "unroll project <unroll@localhost>")
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
# What the headers include and the static library is linked with, beside what the programs need.
set(CPACK_DEBIAN_PACKAGE_DEPENDS libxtensor-dev libxsimd-dev libfmt-dev nlohmann-json3-dev libopenblas-serial-dev
                                  libutf8proc-dev zlib1g-dev)
if(OneDnn_FOUND)
  list(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS libdnnl-dev)
endif()
if(TARGET unroll_wav)
  set(CPACK_DEBIAN_PACKAGE_SUGGESTS libsndfile1-dev) # for those who link unroll::wav
endif()
list(JOIN CPACK_DEBIAN_PACKAGE_DEPENDS ", " CPACK_DEBIAN_PACKAGE_DEPENDS)
list(TRANSFORM UNROLL_PROGRAMS PREPEND ${PROJECT_BINARY_DIR}/examples/ OUTPUT_VARIABLE programs)
if(TARGET unroll_program)
  list(APPEND programs ${PROJECT_BINARY_DIR}/examples/unroll)
endif()
list(JOIN programs " " programs)
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_BINARY_DIR}/PackageDepends.cmake)
configure_file(${PROJECT_SOURCE_DIR}/cmake/PackageDepends.cmake.in ${CPACK_PROJECT_CONFIG_FILE} @ONLY)
include(CPack)
