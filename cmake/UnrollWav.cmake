# unroll::wav, the functions of <unroll/data/wav.hpp>: a library of its own, so that unroll itself needs no libsndfile.
# Installed, it is the component `wav`: find_package(unroll COMPONENTS wav).
option(UNROLL_WAV "WAV files by libsndfile, where it is there: the library unroll::wav" ON)
set(SndFile_FOUND FALSE)
if(UNROLL_WAV AND NOT UNROLL_STANDALONE AND NOT UNROLL_DEMO)
  find_package(SndFile QUIET)
  if(NOT SndFile_FOUND)
    message(STATUS "libsndfile is not there: unroll::wav and the example amplifier are left out")
  endif()
endif()
if(SndFile_FOUND)
  add_library(unroll_wav ${PROJECT_SOURCE_DIR}/data/wav.cpp)
  add_library(unroll::wav ALIAS unroll_wav)
  set_target_properties(unroll_wav PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON EXPORT_NAME wav
                                              VERSION ${PROJECT_VERSION} SOVERSION 0.1)
  target_link_libraries(unroll_wav PUBLIC unroll PRIVATE SndFile::sndfile $<BUILD_INTERFACE:unroll_options>)
  install(TARGETS unroll_wav EXPORT unroll_wav)
  install(EXPORT unroll_wav NAMESPACE unroll:: FILE unrollWavTargets.cmake
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/unroll)
  install(FILES cmake/FindSndFile.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/unroll)
endif()
