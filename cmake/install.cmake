# SPDX-License-Identifier: MIT
#
# Libraries, headers, CMake package and pkg-config files. The installed tree holds no absolute path, so
# it can be moved.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(components core device drm)
list(TRANSFORM components PREPEND devres_ OUTPUT_VARIABLE targets)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/devres)

# What a program needs to run is component `runtime`, what it needs to be built is `development` (see package.cmake).
install(TARGETS ${targets} EXPORT devresTargets
    LIBRARY COMPONENT runtime NAMELINK_COMPONENT development
    ARCHIVE COMPONENT development
    FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(EXPORT devresTargets NAMESPACE devres:: DESTINATION ${package_dir} COMPONENT development)
configure_package_config_file(cmake/devresConfig.cmake.in ${PROJECT_BINARY_DIR}/devresConfig.cmake
    INSTALL_DESTINATION ${package_dir}
    NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/devresConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/devresConfig.cmake ${PROJECT_BINARY_DIR}/devresConfigVersion.cmake
    DESTINATION ${package_dir} COMPONENT development)

# gdb loads the script that lies under its folder for scripts at the path of the shared library.
install(FILES devres_core/gdb/devres_gdb.py DESTINATION ${CMAKE_INSTALL_DATADIR}/devres COMPONENT development)
if(BUILD_SHARED_LIBS)
    install(FILES devres_core/gdb/devres_gdb.py
        DESTINATION ${CMAKE_INSTALL_DATADIR}/gdb/auto-load${CMAKE_INSTALL_FULL_LIBDIR}
        RENAME libdevres_core.so.${PROJECT_VERSION}-gdb.py
        COMPONENT development)
endif()

# The prefix is written as the way up from the file's own folder: lib/pkgconfig is two steps down,
# Debian's lib/x86_64-linux-gnu/pkgconfig three. Only a folder given as an absolute path stays one.
foreach(dir IN ITEMS LIBDIR INCLUDEDIR)
    if(IS_ABSOLUTE "${CMAKE_INSTALL_${dir}}")
        set(pc_${dir} "${CMAKE_INSTALL_${dir}}")
    else()
        set(pc_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
    endif()
endforeach()
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
    file(RELATIVE_PATH up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
    string(REGEX REPLACE "/$" "" up "${up}")
    set(pc_prefix "\${pcfiledir}/${up}")
endif()

set(pc_system_libs -pthread)
if(CMAKE_DL_LIBS)
    string(APPEND pc_system_libs " -l${CMAKE_DL_LIBS}")
endif()

# devres_pkgconfig(<name> <description> <libs> <requires>)
function(devres_pkgconfig pc_name pc_description pc_libs pc_requires)
    configure_file(cmake/devres.pc.in ${PROJECT_BINARY_DIR}/${pc_name}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/${pc_name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT development)
endfunction()

# One per component, and `devres` for all of it.
set(pc_same_version "= ${PROJECT_VERSION}")
devres_pkgconfig(devres-core "Managed resources on any owner" "-ldevres_core ${pc_system_libs}" "")
devres_pkgconfig(devres-device "struct device and devm_*" "-ldevres_device" "devres-core ${pc_same_version}")
devres_pkgconfig(devres-drm "struct drm_device and drmm_*" "-ldevres_drm" "devres-device ${pc_same_version}")
devres_pkgconfig(devres "${PROJECT_DESCRIPTION}" "" "devres-drm ${pc_same_version}")

# cmake --build <folder> --target uninstall: removes what the last install of this build folder has put there.
add_custom_target(uninstall
    COMMAND ${CMAKE_COMMAND} -DMANIFEST=${PROJECT_BINARY_DIR}/install_manifest.txt
        -P ${PROJECT_SOURCE_DIR}/cmake/uninstall.cmake
    VERBATIM)

include(${PROJECT_SOURCE_DIR}/cmake/package.cmake)
