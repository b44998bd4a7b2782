#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# usage: run.sh <work folder> <compiler> <flag or library>...
#
# gdb in batch mode prints a head, a device, a drm_device and a devres_ptr of a program as people read them.
set -euo pipefail

command -v gdb >/dev/null || { echo 'skipped: no gdb'; [[ -z ${CI-} ]] || exit 1; exit 77; }
work=$1 compiler=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$work"
"$compiler" -std=c++20 -g -O0 "$here/program.cpp" -o "$work/program" "${@:3}"
output=$(gdb -q -nx -batch -ex "source $here/../../devres_core/gdb/devres_gdb.py" -ex 'set print pretty off' \
    -ex 'break look_here' -ex run -ex 'print *dev' -ex 'print dev->devres' -ex 'print *none' -ex 'print handle' \
    -ex 'print empty' -ex 'print *drm' "$work/program" 2>&1)

failures=0
expect() {
    grep -qF -- "$1" <<<"$output" || { echo "FAILED: gdb does not print: $1"; failures=$((failures + 1)); }
}
expect '= device "gpu0", bound to probing, 5 resources'
expect '= 5 resources = {node int, resource irq 7, action put_away, action put_away(int*), memory}'
expect '= 0 resources'
expect '= devres_ptr, 1 handles, lives = {object = 42}'
expect '= devres_ptr, empty'
expect '= drm_device "scope" of "gpu0", 0 resources'
((failures == 0)) || { echo "$output"; exit 1; }
echo 'gdb shows owners and handles'
