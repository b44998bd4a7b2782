#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# usage: run.sh <work folder>
#
# Makes the Debian packages and uses them in a root of its own, which holds nothing else: installs, upgrades and
# removes them with dpkg, builds a program against them with CMake and with pkg-config, and runs it. Also: what
# `cmake --install` puts somewhere, `--target uninstall` takes away.
#
# No chroot: dpkg's database and the files are those of the root, the programs are the machine's. So what the
# packages depend on is not installed there, and ldconfig is not run.
set -euo pipefail

work=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
devres=$(cd "$here/../.." && pwd)
root=$work/root

for tool in dpkg dpkg-deb dpkg-shlibdeps cpack pkg-config; do
    command -v "$tool" >/dev/null || { echo "skipped: no $tool"; [[ -z ${CI-} ]] || exit 1; exit 77; }
done

fail() {
    echo "FAILED: $*"
    exit 1
}
quietly() {
    local log
    log=$("$@" 2>&1) || { printf 'FAILED: %s\n%s\n' "$*" "$log"; exit 1; }
}

rm -rf "$work"
mkdir -p "$root/var/lib/dpkg/"{info,updates,triggers} "$root/var/log"
touch "$root/var/lib/dpkg/status" "$root/var/lib/dpkg/available"

quietly cmake -G Ninja -S "$devres" -B "$work/build" -DCMAKE_CXX_COMPILER=g++ -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DBUILD_SHARED_LIBS=ON -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_RPATH= \
    -DDEVRES_BUILD_TESTS=OFF -DDEVRES_BUILD_BENCH=OFF -DDEVRES_BUILD_EXAMPLES=OFF
quietly cmake --build "$work/build" -j 2
make_packages() { # <version> <folder>
    (cd "$work/build" && quietly cpack -D CPACK_PACKAGE_VERSION="$1" -B "$2" \
        -D CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS="libdevres0.1 (= $1)")
}
make_packages 0.1.0 "$work/first"
make_packages 0.1.1 "$work/second"
[[ -n $(ls "$work"/first/libdevres0.1-dbgsym_*.ddeb) ]] || fail 'no debugging information'

in_root() { dpkg --root="$root" --force-depends --force-not-root --force-script-chrootless "$@"; }
version_of() { dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${db:Status-Status} ${Version}' "$1" 2>/dev/null; }

echo '== install, upgrade'
quietly in_root --install "$work"/first/*.deb
[[ $(version_of libdevres-dev) == 'installed 0.1.0' ]] || fail "libdevres-dev is $(version_of libdevres-dev)"
quietly in_root --install "$work"/second/*.deb
[[ $(version_of libdevres0.1) == 'installed 0.1.1' ]] || fail "libdevres0.1 is $(version_of libdevres0.1)"

libdir=$(cd "$root/usr/lib/"*/ && pwd)
[[ -e $libdir/libdevres_core.so.0.1 ]] || fail 'no libdevres_core.so.0.1'
if readelf -d "$libdir"/libdevres_*.so | grep -E 'R(UN)?PATH'; then
    fail 'a library of the package has a search path of its own'
fi
if readelf -S "$libdir/libdevres_core.so" | grep '\.debug_info' >/dev/null; then
    fail 'the library is not stripped'
fi
dpkg-deb -I "$work"/second/libdevres0.1_*.deb shlibs | grep 'libdevres_drm 0.1 libdevres0.1' >/dev/null ||
    fail 'no shlibs file'

echo '== a program, with CMake and with pkg-config'
expected=$'gpu0 is here\nput away'
export LD_LIBRARY_PATH=$libdir
quietly cmake -G Ninja -S "$here" -B "$work/consumer" -DCMAKE_PREFIX_PATH="$root/usr" -DCMAKE_CXX_COMPILER=g++
quietly cmake --build "$work/consumer"
[[ $("$work/consumer/consumer") == "$expected" ]] || fail 'the program built with CMake'
read -ra flags <<<"$(PKG_CONFIG_PATH=$libdir/pkgconfig pkg-config --cflags --libs devres-device)"
quietly g++ -std=c++20 "$here/consumer.cpp" -o "$work/with-pkg-config" "${flags[@]}"
[[ $("$work/with-pkg-config") == "$expected" ]] || fail 'the program built with pkg-config'
unset LD_LIBRARY_PATH

echo '== remove'
quietly in_root --purge libdevres-dev libdevres0.1
left=$(find "$root" -path '*devres*' ! -path "$root/var/log/*")
[[ -z $left ]] || fail "left behind: $left"

echo '== uninstall'
DESTDIR=$work/installed quietly cmake --install "$work/build"
[[ -e $work/installed/usr/include/devres/devm.h ]] || fail 'nothing was installed'
DESTDIR=$work/installed quietly cmake --build "$work/build" --target uninstall
left=$(find "$work/installed" ! -type d)
[[ -z $left ]] || fail "left behind: $left"
[[ ! -e $work/installed/usr/include/devres ]] || fail 'the folder of the headers is left'
if cmake --build "$work/build" --target uninstall >/dev/null 2>&1; then
    fail 'uninstalling twice does not fail'
fi
echo 'packages: installed, upgraded, used and removed'
