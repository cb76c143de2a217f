# utf8proc, Unicode's properties of characters, as the imported target Utf8proc::Utf8proc. Debian's package has no file
# for CMake.
set(_names utf8proc)
if(UNROLL_STANDALONE)
  set(_names libutf8proc.a)
endif()
find_library(Utf8proc_LIBRARY NAMES ${_names})
unset(_names)
find_path(Utf8proc_INCLUDE_DIR NAMES utf8proc.h)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Utf8proc REQUIRED_VARS Utf8proc_LIBRARY Utf8proc_INCLUDE_DIR)
mark_as_advanced(Utf8proc_LIBRARY Utf8proc_INCLUDE_DIR)

if(Utf8proc_FOUND AND NOT TARGET Utf8proc::Utf8proc)
  add_library(Utf8proc::Utf8proc UNKNOWN IMPORTED)
  set_target_properties(Utf8proc::Utf8proc PROPERTIES IMPORTED_LOCATION ${Utf8proc_LIBRARY}
                                                      INTERFACE_INCLUDE_DIRECTORIES ${Utf8proc_INCLUDE_DIR})
endif()
