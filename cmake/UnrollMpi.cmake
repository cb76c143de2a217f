# unroll::mpi, the room mpi/: training on several processes or machines. A library of its own, which is built only where
# it is asked for; nothing else of the library knows MPI. Installed, it is the component `mpi`:
# find_package(unroll COMPONENTS mpi).
option(UNROLL_MPI "Training on several machines by MPI: the library unroll::mpi" OFF)

if(UNROLL_MPI AND NOT UNROLL_STANDALONE AND NOT UNROLL_DEMO AND NOT UNROLL_FUZZ)
  set(MPI_CXX_SKIP_MPICXX ON) # the C++ interface that MPI once had
  find_package(MPI REQUIRED COMPONENTS CXX)
  file(GLOB mpi_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/mpi/*.cpp)
  add_library(unroll_mpi ${mpi_sources})
  add_library(unroll::mpi ALIAS unroll_mpi)
  set_target_properties(unroll_mpi PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON EXPORT_NAME mpi
                                              VERSION ${PROJECT_VERSION} SOVERSION 0.1)
  target_link_libraries(unroll_mpi PUBLIC unroll PRIVATE MPI::MPI_CXX $<BUILD_INTERFACE:unroll_options>)
  install(TARGETS unroll_mpi EXPORT unroll_mpi)
  install(EXPORT unroll_mpi NAMESPACE unroll:: FILE unrollMpiTargets.cmake
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/unroll)
endif()
