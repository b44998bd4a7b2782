#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# usage: old_standard.sh <include folder>... -- <compiler>...
#
# Whoever compiles for an older C++ is told so by the first lines, and there are no others: each public header,
# with each compiler.
set -euo pipefail

includes=()
while [[ $1 != -- ]]; do
    includes+=("$1")
    shift
done
shift
failures=0 headers=0
for compiler in "$@"; do
    for folder in "${includes[@]}"; do
        for header in "$folder"/devres/*.h; do
            [[ -e $header ]] || continue
            headers=$((headers + 1))
            if output=$("$compiler" -std=c++17 -fsyntax-only "${includes[@]/#/-I}" -x c++ "$header" 2>&1); then
                echo "FAILED: $compiler takes ${header##*/} as C++17"
                failures=$((failures + 1))
                continue
            fi
            # Where the headers were included from is said by the compiler beforehand; #pragma once is its business.
            errors=$(grep -cE 'error:' <<<"$output" || true)
            if ! grep -q 'devres needs C++20: compile with -std=c++20' <<<"$output" || ((errors > 2)); then
                echo "FAILED: $compiler on ${header##*/} as C++17: $errors errors"
                head -n 8 <<<"$output"
                failures=$((failures + 1))
            fi
        done
    done
done
((headers > 10)) || { echo "FAILED: only $headers headers were found"; exit 1; }
echo "$headers headers, $failures failures"
((failures == 0))
