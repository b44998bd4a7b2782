# SPDX-License-Identifier: MIT
#
# An overlay port for vcpkg that builds the checkout it lies in: `vcpkg install devres --overlay-ports=packaging`.
# Only its syntax is tested here.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)

vcpkg_cmake_configure(SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS -DDEVRES_BUILD_TESTS=OFF -DDEVRES_BUILD_BENCH=OFF -DDEVRES_BUILD_EXAMPLES=OFF)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(PACKAGE_NAME devres CONFIG_PATH lib/cmake/devres)
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
