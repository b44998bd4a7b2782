#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# usage: run.sh static|shared|add_subdirectory <work folder>
#
# Uses devres as an outsider would, with each compiler there is. static and shared: install it under
# Debian's library folder, move the installed tree, then build and run the consumer through find_package
# and through pkg-config, and compile each installed header alone. add_subdirectory: no install.
set -euo pipefail

way=$1 work=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
devres=$(cd "$here/../.." && pwd)
flags=(-std=c++20 -Wall -Wextra -Werror -fno-exceptions -fno-rtti)
compilers=()
for compiler in g++ clang++; do
    ! command -v "$compiler" >/dev/null || compilers+=("$compiler")
done

quietly() { # the command's output matters only if it fails
    local log
    log=$("$@" 2>&1) || { printf 'FAILED: %s\n%s\n' "$*" "$log"; return 1; }
}

configure_build_run() { # <build folder> <compiler> <cmake argument>...
    quietly cmake -G Ninja -S "$here" -B "$1" -DCMAKE_CXX_COMPILER="$2" "${@:3}"
    quietly cmake --build "$1" -j 1
    "$1/consumer"
    "$1/consumer_core"
    [[ ! -x $1/modules ]] || "$1/modules" "$1/libmodule.so"
}

pkgconfig_build_run() { # <binary> <compiler> <package> <source>
    local used
    read -ra used <<<"$(pkg-config --cflags --libs "$3")"
    quietly "$2" "${flags[@]}" "$4" -o "$1" "${used[@]}"
    LD_LIBRARY_PATH=$libdir "$1"
}

headers_alone() { # <compiler>
    local header
    for header in "$work"/moved/include/devres/*.h "$work"/moved/include/devres/detail/*.h; do
        quietly "$1" "${flags[@]}" -fsyntax-only -I "$work/moved/include" -include "$header" -x c++ /dev/null
    done
}

rm -rf "$work"
mkdir -p "$work"
if [[ $way == add_subdirectory ]]; then
    for compiler in "${compilers[@]}"; do
        echo "== add_subdirectory, $compiler"
        configure_build_run "$work/$compiler" "$compiler" -DDEVRES_SOURCE="$devres"
    done
    exit
fi

shared=$([[ $way == shared ]] && echo ON || echo OFF)
lib=lib/$(g++ -print-multiarch)
libdir=$work/moved/$lib
quietly cmake -G Ninja -S "$devres" -B "$work/build" -DBUILD_SHARED_LIBS="$shared" -DCMAKE_CXX_COMPILER=g++ \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$work/installed" -DCMAKE_INSTALL_LIBDIR="$lib" \
    -DCMAKE_SHARED_LINKER_FLAGS=-Wl,--no-undefined \
    -DDEVRES_BUILD_TESTS=OFF -DDEVRES_BUILD_BENCH=OFF -DDEVRES_BUILD_EXAMPLES=OFF
quietly cmake --build "$work/build" -j 1
quietly cmake --install "$work/build"
mv "$work/installed" "$work/moved"
if grep -rl "$work" "$work/moved"; then
    echo 'FAILED: these installed files name the folder they were installed to'
    exit 1
fi

if [[ $way == shared ]]; then
    echo '== exports'
    "$here/exports.sh" "$libdir/libdevres_core.so" "$devres/devres_core/exports.map"
    "$here/exports.sh" "$libdir/libdevres_device.so" "$devres/device_adapter/exports.map"
    "$here/exports.sh" "$libdir/libdevres_drm.so" "$devres/drm_adapter/exports.map"
fi

export PKG_CONFIG_PATH=$libdir/pkgconfig
for compiler in "${compilers[@]}"; do
    echo "== find_package, $way, $compiler"
    configure_build_run "$work/find_package-$compiler" "$compiler" -DCMAKE_PREFIX_PATH="$work/moved"
    echo "== pkg-config, $way, $compiler"
    pkgconfig_build_run "$work/pkg-config-$compiler" "$compiler" devres "$here/consumer.cpp"
    pkgconfig_build_run "$work/pkg-config-core-$compiler" "$compiler" devres-core "$here/consumer_core.cpp"
    if [[ $way == static ]]; then # the headers are the same
        echo "== each header alone, $compiler"
        headers_alone "$compiler"
    fi
done
