# SPDX-License-Identifier: MIT
#
# devres_add_library(<component> HEADERS <file>... [HEADER_ROOTS <folder>...] SOURCES <file>... [LINK <target>...])
#
# Defines target devres_<component>, alias and exported name devres::<component>, from the folder that
# calls it. The public headers' root is <folder>/include, so a library sees the headers of what it links
# and no others: that is what keeps core ignorant of its adapters.

function(devres_add_library component)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;HEADER_ROOTS;SOURCES;LINK")
    if(NOT arg_HEADER_ROOTS)
        set(arg_HEADER_ROOTS include)
    endif()
    set(target devres_${component})

    add_library(${target} ${arg_SOURCES})
    add_library(devres::${component} ALIAS ${target})
    target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${arg_HEADER_ROOTS} FILES ${arg_HEADERS})
    target_link_libraries(${target} PUBLIC ${arg_LINK})
    target_compile_features(${target} PUBLIC cxx_std_20)
    # With exceptions, although it throws none: what a callback of the user throws must meet a noexcept that was
    # compiled to terminate, or it would pass through with a lock held.
    target_compile_options(${target} PRIVATE -fexceptions -fno-rtti)
    set_target_properties(${target} PROPERTIES
        EXPORT_NAME ${component}
        POSITION_INDEPENDENT_CODE ON
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
    if(BUILD_SHARED_LIBS)
        # What is not in the list is hidden.
        set(exports ${CMAKE_CURRENT_SOURCE_DIR}/exports.map)
        target_link_options(${target} PRIVATE LINKER:--version-script=${exports})
        set_target_properties(${target} PROPERTIES LINK_DEPENDS ${exports})
    endif()
    if(NOT DEFINED CMAKE_INSTALL_RPATH)
        # The three lie side by side, wherever their tree is moved to.
        set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN")
    endif()
endfunction()
