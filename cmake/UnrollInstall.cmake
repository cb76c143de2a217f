# Installs the library, its headers under include/unroll/, and what find_package(unroll) reads.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/unroll)

install(TARGETS unroll EXPORT unroll)
install(DIRECTORY ${UNROLL_FOLDERS} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/unroll
        FILES_MATCHING PATTERN "*.hpp")
file(GLOB root_headers CONFIGURE_DEPENDS *.hpp)
install(FILES ${root_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/unroll)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT unroll NAMESPACE unroll:: FILE unrollTargets.cmake DESTINATION ${config_dir})
configure_package_config_file(cmake/unrollConfig.cmake.in ${PROJECT_BINARY_DIR}/unrollConfig.cmake
                              INSTALL_DESTINATION ${config_dir})
# Before 1.0 a new minor version may break its users.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/unrollConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/unrollConfig.cmake ${PROJECT_BINARY_DIR}/unrollConfigVersion.cmake
              cmake/FindSerialBlas.cmake cmake/FindOneDnn.cmake
        DESTINATION ${config_dir})
