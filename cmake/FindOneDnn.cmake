# oneDNN as the imported target OneDnn::OneDnn. Debian's own dnnl-config.cmake asks for OpenCL's headers,
# which nothing here needs.
find_library(OneDnn_LIBRARY NAMES dnnl)
find_path(OneDnn_INCLUDE_DIR NAMES oneapi/dnnl/dnnl.h)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OneDnn REQUIRED_VARS OneDnn_LIBRARY OneDnn_INCLUDE_DIR)
mark_as_advanced(OneDnn_LIBRARY OneDnn_INCLUDE_DIR)

if(OneDnn_FOUND AND NOT TARGET OneDnn::OneDnn)
  add_library(OneDnn::OneDnn UNKNOWN IMPORTED)
  set_target_properties(OneDnn::OneDnn PROPERTIES IMPORTED_LOCATION ${OneDnn_LIBRARY}
                                                  INTERFACE_INCLUDE_DIRECTORIES ${OneDnn_INCLUDE_DIR})
endif()
