#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# usage: run.sh <work folder> <compiler> <compiler argument>...
#
# With DEVRES_ORIGINS=1 dumps and messages name the line at which a resource was attached, if the program has
# debugging information and the system has libdw; else the function.
set -euo pipefail

work=$1 compiler=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
shift 2
ldconfig -p | grep 'libdw\.so\.1' >/dev/null || { echo 'skipped: no libdw (Debian: libdw1)'; [[ -z ${CI-} ]] || exit 1; exit 77; }
mkdir -p "$work"

line_of() { grep -n "// line: $1" "$here/program.cpp" | cut -d: -f1; }
said() { # <compiler argument>...
    "$compiler" -std=c++20 "$@" "$here/program.cpp" -o "$work/program" "${arguments[@]}"
    DEVRES_ORIGINS=1 "$work/program" 2>&1
}
expect() { # <what> <text>
    grep -qF -- "$1" <<<"$2" || { printf 'FAILED: "%s" is not in:\n%s\n' "$1" "$2"; exit 1; }
}

arguments=("$@")
with_lines=$(said -g)
expect "attach((anonymous namespace)::session*) at $here/program.cpp:$(line_of kmalloc) (program+0x" "$with_lines"
expect " main at $here/program.cpp:$(line_of action) (program+0x" "$with_lines"
[[ $(grep -c "program.cpp:$(line_of kmalloc)" <<<"$with_lines") == 2 ]] || { echo "FAILED: once in the dump, once in the WARN"; exit 1; }
without=$(said -g0)
expect 'attach((anonymous namespace)::session*) (program+0x' "$without"
echo 'lines are named where there are some'
