#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# usage: run.sh <work folder>
#
# Builds the core with DEVRES_VALGRIND and sees that memcheck finds what is done wrong with managed memory, and nothing
# where nothing is.
set -euo pipefail

work=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
devres=$(cd "$here/../.." && pwd)

quietly() { # the command's output matters only if it fails
    local log
    log=$("$@" 2>&1) || { printf 'FAILED: %s\n%s\n' "$*" "$log"; return 1; }
}

quietly cmake -G Ninja -S "$devres" -B "$work" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DDEVRES_VALGRIND=ON \
    -DDEVRES_BUILD_TESTS=OFF -DDEVRES_BUILD_BENCH=OFF -DDEVRES_BUILD_EXAMPLES=OFF
quietly cmake --build "$work" -j 1 --target devres_core
quietly g++ -std=c++20 -O1 -g -pthread -I "$devres/devres_core/include" \
    -I "$devres/devres_core/src/env/posix/include" "$here/misuse.cpp" \
    "$work/devres_core/libdevres_core.a" -ldl -o "$work/misuse"

failures=0
expect() { # <exit status> <text in the report, or empty> <misuse>
    local status=0 report
    report=$(valgrind -q --error-exitcode=99 --leak-check=full "$work/misuse" "$3" 2>&1) || status=$?
    if ((status != $1)) || [[ $report != *"$2"* ]]; then
        printf 'FAILED: %s: status %s, expected %s and "%s"\n%s\n' "$3" "$status" "$1" "$2" "$report"
        failures=1
    else
        echo "ok: $3"
    fi
}
expect 0 '' none
expect 99 'Invalid read of size 1' use-after-kfree
expect 99 'Invalid write of size 1' overflow
expect 99 'uninitialised' uninitialised
expect 99 'Invalid read of size 1' use-after-release
expect 99 'definitely lost' leak
exit "$failures"
