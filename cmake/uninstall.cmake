# SPDX-License-Identifier: MIT
#
# cmake -DMANIFEST=<install_manifest.txt> -P uninstall.cmake: removes the files of an install, then the folders of
# devres's own that this leaves empty.
if(NOT EXISTS "${MANIFEST}")
    message(FATAL_ERROR "nothing was installed from here: there is no ${MANIFEST}")
endif()
file(STRINGS "${MANIFEST}" files)
set(folders)
foreach(file IN LISTS files)
    set(file "$ENV{DESTDIR}${file}")
    if(EXISTS "${file}" OR IS_SYMLINK "${file}")
        message(STATUS "removing ${file}")
        file(REMOVE "${file}")
    endif()
    cmake_path(GET file PARENT_PATH folder)
    list(APPEND folders "${folder}")
endforeach()
list(REMOVE_DUPLICATES folders)
list(SORT folders ORDER DESCENDING) # what lies inside comes first
foreach(folder IN LISTS folders)
    file(GLOB left "${folder}/*")
    if(IS_DIRECTORY "${folder}" AND NOT left AND folder MATCHES "/devres(/|$)")
        file(REMOVE_RECURSE "${folder}")
    endif()
endforeach()
file(REMOVE "${MANIFEST}")
