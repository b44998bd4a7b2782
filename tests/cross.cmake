# SPDX-License-Identifier: MIT
#
# The tests of a cross-compiled build: GoogleTest is built from its source package, and what the emulator cannot do is
# left out. tests/qemu_skips.txt names it: `<test binary> <GoogleTest filter> <reason>` on each line.

find_path(DEVRES_GOOGLETEST_SOURCE googlemock/CMakeLists.txt PATHS /usr/src/googletest
    NO_CMAKE_FIND_ROOT_PATH NO_DEFAULT_PATH REQUIRED)

# Others' code: not with our warnings.
get_directory_property(options COMPILE_OPTIONS)
set_directory_properties(PROPERTIES COMPILE_OPTIONS "")
set(INSTALL_GTEST OFF)
add_subdirectory(${DEVRES_GOOGLETEST_SOURCE} ${CMAKE_CURRENT_BINARY_DIR}/googletest EXCLUDE_FROM_ALL)
set_directory_properties(PROPERTIES COMPILE_OPTIONS "${options}")
foreach(target IN ITEMS gtest gmock gtest_main)
    get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
    set_target_properties(${target} PROPERTIES INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${folders}")
endforeach()

# devres_without_skips(<out> <test binary>): sets <out> to the filter of what can run.
function(devres_without_skips out binary)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS qemu_skips.txt)
    file(STRINGS qemu_skips.txt lines REGEX "^${binary} ")
    set(filter "")
    foreach(line IN LISTS lines)
        string(REGEX MATCH "^[^ ]+ +([^ ]+) +(.+)$" matched "${line}")
        list(APPEND filter ${CMAKE_MATCH_1})
    endforeach()
    list(JOIN filter ":" filter)
    set(${out} "*-${filter}" PARENT_SCOPE)
endfunction()
