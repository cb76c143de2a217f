# Installs the library and what find_package(unroll) reads; the headers are installed by UnrollHeaders.cmake.
include(CMakePackageConfigHelpers)
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/unroll)

install(TARGETS unroll unroll_native EXPORT unroll)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT unroll NAMESPACE unroll:: FILE unrollTargets.cmake DESTINATION ${config_dir})
configure_package_config_file(cmake/unrollConfig.cmake.in ${PROJECT_BINARY_DIR}/unrollConfig.cmake
                              INSTALL_DESTINATION ${config_dir})
# Before 1.0 a new minor version may break its users.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/unrollConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/unrollConfig.cmake ${PROJECT_BINARY_DIR}/unrollConfigVersion.cmake
              cmake/FindSerialBlas.cmake cmake/FindOneDnn.cmake cmake/FindUtf8proc.cmake cmake/UnrollXtensor.cmake
        DESTINATION ${config_dir})
