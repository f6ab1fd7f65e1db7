# SPDX-License-Identifier: Apache-2.0
#
# What `cmake --install` puts in place: the library, its headers, and the files with which
# find_package(weft) finds them. Programs install themselves (apps/).
include(CMakePackageConfigHelpers)

set(weft_config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/weft")

install(TARGETS weft
    EXPORT weftTargets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT weft_development
    FILE_SET public_headers DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT weft_development)
install(EXPORT weftTargets
    NAMESPACE weft::
    DESTINATION "${weft_config_dir}"
    COMPONENT weft_development)

# Optional components have export files of their own: weftConfig.cmake reads those that are asked for.
function(weft_install_component target export)
    install(TARGETS ${target}
        EXPORT ${export}
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT weft_development
        FILE_SET public_headers DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
            COMPONENT weft_development)
    install(EXPORT ${export}
        NAMESPACE weft::
        DESTINATION "${weft_config_dir}"
        COMPONENT weft_development)
endfunction()
weft_install_component(weft_posix weftPosixTargets)
if(WEFT_TLS)
    weft_install_component(weft_tls weftTlsTargets)
endif()
if(WEFT_DNS)
    weft_install_component(weft_dns weftDnsTargets)
    install(FILES "${CMAKE_CURRENT_LIST_DIR}/Findc-ares.cmake"
        DESTINATION "${weft_config_dir}"
        COMPONENT weft_development)
endif()

configure_package_config_file(
    "${CMAKE_CURRENT_LIST_DIR}/weftConfig.cmake.in"
    "${CMAKE_CURRENT_BINARY_DIR}/weftConfig.cmake"
    INSTALL_DESTINATION "${weft_config_dir}")
# Before 1.0 each minor version may change the API.
write_basic_package_version_file(
    "${CMAKE_CURRENT_BINARY_DIR}/weftConfigVersion.cmake"
    COMPATIBILITY SameMinorVersion)
install(FILES
    "${CMAKE_CURRENT_BINARY_DIR}/weftConfig.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/weftConfigVersion.cmake"
    DESTINATION "${weft_config_dir}"
    COMPONENT weft_development)
