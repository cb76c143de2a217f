# A CBLAS without threads of its own, as the imported target SerialBlas::SerialBlas.
#
# Debian's serial OpenBLAS lies in a folder of its own and is taken from there, so that the system's choice of
# a default BLAS need not be touched; the folder becomes part of the program's run path. Elsewhere any CBLAS
# will do, at the cost of its threads beside ours.
set(_debian openblas-serial)
find_library(SerialBlas_LIBRARY NAMES openblas
             PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/${_debian} NO_DEFAULT_PATH)
find_path(SerialBlas_INCLUDE_DIR NAMES cblas.h
          PATHS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}/${_debian} NO_DEFAULT_PATH)
find_library(SerialBlas_LIBRARY NAMES openblas blis cblas blas)
find_path(SerialBlas_INCLUDE_DIR NAMES cblas.h PATH_SUFFIXES openblas blis
          PATHS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
unset(_debian)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SerialBlas REQUIRED_VARS SerialBlas_LIBRARY SerialBlas_INCLUDE_DIR)
mark_as_advanced(SerialBlas_LIBRARY SerialBlas_INCLUDE_DIR)

if(SerialBlas_FOUND AND NOT TARGET SerialBlas::SerialBlas)
  add_library(SerialBlas::SerialBlas UNKNOWN IMPORTED)
  set_target_properties(SerialBlas::SerialBlas PROPERTIES
                        IMPORTED_LOCATION ${SerialBlas_LIBRARY}
                        INTERFACE_INCLUDE_DIRECTORIES ${SerialBlas_INCLUDE_DIR})
endif()
