# SPDX-License-Identifier: MIT
#
# Tests with the label `packager`: installs and their consumers, borders checked by building, what must not compile, what
# other tools say of a build of their own. `./dev test` leaves them out, `./dev check` and CI run them.

find_package(Python3 COMPONENTS Interpreter)

# devres_add_packager_test(<name> <command> <argument>...)
function(devres_add_packager_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "") # unlike ARGN, it keeps a semicolon inside an argument
    add_test(NAME ${name} COMMAND ${arg_UNPARSED_ARGUMENTS} COMMAND_EXPAND_LISTS)
    set_tests_properties(${name} PROPERTIES LABELS packager SKIP_RETURN_CODE 77)
endfunction()

foreach(way IN ITEMS static shared add_subdirectory)
    devres_add_packager_test(consumer_${way}
        ${CMAKE_CURRENT_SOURCE_DIR}/consumer/run.sh ${way} ${CMAKE_CURRENT_BINARY_DIR}/consumer/${way})
endforeach()

add_subdirectory(compile_fail)

# Each folder is built with only what it may see, and notices what it may not.
foreach(border IN ITEMS list memory managed revocation env core device drm)
    devres_add_packager_test(border_${border}
        ${CMAKE_CURRENT_SOURCE_DIR}/borders/check.sh ${border} ${CMAKE_CURRENT_BINARY_DIR}/borders/${border})
endforeach()

# The mechanism without an operating system.
foreach(arch IN ITEMS x86_64 aarch64)
    devres_add_packager_test(freestanding_${arch}
        ${CMAKE_CURRENT_SOURCE_DIR}/freestanding/run.sh ${arch} ${CMAKE_CURRENT_BINARY_DIR}/freestanding/${arch})
endforeach()

find_program(DEVRES_VALGRIND_PROGRAM valgrind)
find_path(DEVRES_VALGRIND_INCLUDE_DIR valgrind/memcheck.h)
if(DEVRES_VALGRIND_PROGRAM AND DEVRES_VALGRIND_INCLUDE_DIR)
    devres_add_packager_test(valgrind
        ${CMAKE_CURRENT_SOURCE_DIR}/valgrind/run.sh ${CMAKE_CURRENT_BINARY_DIR}/valgrind)
else()
    message(STATUS "tests: no valgrind; that memcheck finds misuse is not tested")
endif()

if(Python3_FOUND)
    devres_add_packager_test(readme_programs
        ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/readme/check.py ${PROJECT_SOURCE_DIR}/README.md
        ${CMAKE_CURRENT_BINARY_DIR}/readme ${CMAKE_CXX_COMPILER}
        "-I$<JOIN:$<TARGET_PROPERTY:devres_drm,INTERFACE_INCLUDE_DIRECTORIES>,;-I>"
        $<TARGET_FILE:devres_drm> $<TARGET_FILE:devres_device> $<TARGET_FILE:devres_core> -pthread)

    # No call, no locked instruction and no fence on the fast path of a reader.
    find_program(DEVRES_CODEGEN_GXX NAMES g++)
    find_program(DEVRES_CODEGEN_CLANGXX NAMES clang++)
    foreach(compiler IN ITEMS ${DEVRES_CODEGEN_GXX} ${DEVRES_CODEGEN_CLANGXX})
        cmake_path(GET compiler FILENAME compiler_name)
        devres_add_packager_test(codegen_${compiler_name}
            ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/codegen/check_fast_path.py
            ${CMAKE_CURRENT_SOURCE_DIR}/codegen/readers.cpp ${compiler}
            ${PROJECT_SOURCE_DIR}/devres_core/include ${PROJECT_SOURCE_DIR}/devres_core/src/env/posix/include
            ${PROJECT_SOURCE_DIR}/device_adapter/include
            ${PROJECT_SOURCE_DIR}/drm_adapter/include)
    endforeach()
endif()

# The Debian packages, in a root of their own, and the uninstall target.
devres_add_packager_test(packages
    ${CMAKE_CURRENT_SOURCE_DIR}/package/run.sh ${CMAKE_CURRENT_BINARY_DIR}/package)

# A sanitizer that the program has and the library has not.
devres_add_packager_test(sanitizer_mismatch
    ${CMAKE_CURRENT_SOURCE_DIR}/sanitizers/run.sh ${CMAKE_CURRENT_BINARY_DIR}/sanitizers ${CMAKE_CXX_COMPILER}
    "-I$<JOIN:$<TARGET_PROPERTY:devres_core,INTERFACE_INCLUDE_DIRECTORIES>,;-I>" $<TARGET_FILE:devres_core> -pthread)

# The lines of a program's source in messages and dumps.
devres_add_packager_test(origin_lines
    ${CMAKE_CURRENT_SOURCE_DIR}/origins/run.sh ${CMAKE_CURRENT_BINARY_DIR}/origins ${CMAKE_CXX_COMPILER}
    "-I$<JOIN:$<TARGET_PROPERTY:devres_core,INTERFACE_INCLUDE_DIRECTORIES>,;-I>" $<TARGET_FILE:devres_core> -pthread)

# gdb in batch mode, with the printers of devres_core/gdb.
devres_add_packager_test(gdb_printers
    ${CMAKE_CURRENT_SOURCE_DIR}/gdb/run.sh ${CMAKE_CURRENT_BINARY_DIR}/gdb ${CMAKE_CXX_COMPILER}
    "-I$<JOIN:$<TARGET_PROPERTY:devres_drm,INTERFACE_INCLUDE_DIRECTORIES>,;-I>"
    $<TARGET_FILE:devres_drm> $<TARGET_FILE:devres_device> $<TARGET_FILE:devres_core> -pthread)

# What bpftrace can attach to.
foreach(what IN ITEMS notes bpftrace)
    devres_add_packager_test(probes_${what}
        ${CMAKE_CURRENT_SOURCE_DIR}/probes/run.sh ${what} ${CMAKE_CURRENT_BINARY_DIR}/probes/${what} ${CMAKE_CXX_COMPILER}
        "-I$<JOIN:$<TARGET_PROPERTY:devres_drm,INTERFACE_INCLUDE_DIRECTORIES>,;-I>"
        $<TARGET_FILE:devres_drm> $<TARGET_FILE:devres_device> $<TARGET_FILE:devres_core> -pthread)
endforeach()

if(Python3_FOUND AND DEVRES_BUILD_EXAMPLES)
    devres_add_packager_test(tools
        ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/tools_test.py ${PROJECT_SOURCE_DIR}/tools
        $<TARGET_FILE:hotunplug> --fail-probe 5)
endif()
