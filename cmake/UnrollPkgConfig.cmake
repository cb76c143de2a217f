# unroll.pc, for builds without CMake: g++ -std=c++20 program.cpp $(pkg-config --cflags --libs unroll), and for this
# machine alone also $(pkg-config --variable=native_cflags unroll).
set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX}/${pc_dir} OUTPUT_VARIABLE to_prefix)
string(REGEX REPLACE "/$" "" to_prefix "${to_prefix}")

# What the library itself is linked with. The BLAS lies in a folder of its own, which a program must find again.
cmake_path(GET SerialBlas_LIBRARY PARENT_PATH blas_dir)
cmake_path(GET SerialBlas_LIBRARY STEM LAST_ONLY blas_name)
string(REGEX REPLACE "^lib" "" blas_name "${blas_name}")
set(libraries " -L${blas_dir} -Wl,-rpath,${blas_dir} -l${blas_name} -lutf8proc")
if(OneDnn_FOUND)
  string(APPEND libraries " -ldnnl")
endif()
if(UNROLL_OPENMP_FLAG)
  string(APPEND libraries " -lgomp")
endif()
string(APPEND libraries " -pthread")

# A static library leaves its own to the program, which is linked without --static nevertheless.
set(pc_static)
set(pc_private)
if(BUILD_SHARED_LIBS)
  set(pc_private "${libraries}")
else()
  set(pc_static "${libraries}")
endif()
list(JOIN UNROLL_NATIVE_FLAGS " " pc_native)
configure_file(${PROJECT_SOURCE_DIR}/cmake/unroll.pc.in ${PROJECT_BINARY_DIR}/unroll.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/unroll.pc DESTINATION ${pc_dir})
