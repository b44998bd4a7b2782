# SPDX-License-Identifier: MIT
#
# Debian packages by CPack: `./dev package`. libdevres0.1 has the shared libraries, libdevres-dev what programs are
# built with, and libdevres0.1-dbgsym the debugging information, which also names static functions in messages.
set(soversion ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL runtime development)
set(CPACK_PACKAGE_NAME devres)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "devres maintainers <maintainers@devres.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "managed resources for drivers and device daemons")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME libdevres${soversion})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_DEBUGINFO_PACKAGE ON)
# The shlibs file lets dpkg-shlibdeps find the package of a program's libraries; the trigger has ldconfig run.
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION
    "Resources of devices, drm_devices and any other owner are released in reverse order when their owner ends.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libdevres-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libdevres${soversion} (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
    "Headers, and files for CMake and pkg-config, of devres: devm_* and drmm_* of Linux as a C++20 library.")

include(CPack)
