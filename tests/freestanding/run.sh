#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# usage: run.sh x86_64|aarch64 <work folder>
#
# Builds the mechanism, devres_core/src/list, without an operating system: -ffreestanding -nostdlib, without exceptions
# and RTTI, against the environment in env/ (a spinlock, an array of bytes) and the runner (the entry point and two raw
# system calls), then runs all *_test.cpp of this folder. aarch64 is cross-compiled and runs under qemu-user.
set -euo pipefail

arch=$1 work=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
devres=$(cd "$here/../.." && pwd)
list=$devres/devres_core/src/list

# What the objects of list and env may leave to others: the compiler's own four functions, and the harness.
may_need='^(memcpy|memmove|memset|memcmp|_GLOBAL_OFFSET_TABLE_|freestanding::.*)$'

flags=(-std=c++20 -O2 -g -Wall -Wextra -Wpedantic -Werror
    -ffreestanding -fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-stack-protector -fno-pie
    -fno-tree-loop-distribute-patterns -fno-asynchronous-unwind-tables
    -I "$here/env/include" -I "$devres/devres_core/include" -I "$devres/devres_core/src" -I "$here")

skip() {
    echo "skipped: $1"
    [[ -z ${CI-} ]] || { echo 'FAILED: nothing is skipped in CI'; exit 1; }
    exit 77
}

case $arch in
    x86_64) compiler=g++ emulator=() ;;
    aarch64)
        compiler=aarch64-linux-gnu-g++ emulator=(qemu-aarch64)
        flags+=(-mno-outline-atomics) # which would ask libgcc, and that the C library, what the CPU can do
        ;;
    *) echo "run.sh: no architecture '$arch'" >&2; exit 2 ;;
esac
if [[ $(uname -m) == "$arch" ]]; then
    compiler=g++ emulator=()
fi
command -v "$compiler" >/dev/null || skip "there is no $compiler (package g++-${arch/_/-}-linux-gnu)"
((${#emulator[@]} == 0)) || command -v "${emulator[0]}" >/dev/null || skip "there is no $emulator (package qemu-user)"
[[ $("$compiler" -dumpmachine) == "$arch"-* ]] || skip "$compiler does not build for $arch"

rm -rf "$work"
mkdir -p "$work"

compile() { # <file>...: prints the objects
    local file object
    for file in "$@"; do
        object=$work/$(basename "$(dirname "$file")")-$(basename "$file" .cpp).o
        "$compiler" "${flags[@]}" -c "$file" -o "$object"
        echo "$object"
    done
}

mechanism=("$list"/*.cpp "$here"/env/*.cpp)
tests=("$here"/*_test.cpp)

# As a whole: what it leaves open is what it needs of its surroundings.
objects=$(compile "${mechanism[@]}")
mapfile -t objects <<<"$objects"
"$compiler" -nostdlib -r -o "$work/mechanism.o" "${objects[@]}"
if needs=$(nm -uC --format=just-symbols "$work/mechanism.o" | sed 's/(.*//' | grep -vE "$may_need"); then
    printf 'FAILED: src/list and its environment need these, which nobody has without an operating system:\n%s\n' \
        "$needs"
    exit 1
fi
if readelf -SW "$work/mechanism.o" | grep -E '\.t(data|bss)'; then
    echo 'FAILED: src/list and its environment have thread-local variables'
    exit 1
fi

objects=$(compile "$here/runner.cpp" "$here/memory.cpp" "${tests[@]}")
mapfile -t objects <<<"$objects"
"$compiler" -nostdlib -static -no-pie -o "$work/tests" "${objects[@]}" "$work/mechanism.o"
echo "$arch: ${#tests[@]} files of tests"
timeout 120 "${emulator[@]}" "$work/tests" # a lock that nobody releases is turned at for ever
