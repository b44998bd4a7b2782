#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# usage: run.sh <work folder> <compiler> <compiler argument>...
#
# A program under a sanitizer hears at its start that the library is not; one without hears nothing.
set -euo pipefail

work=$1 compiler=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
shift 2
mkdir -p "$work"

try() { # <sanitizer, or nothing>
    "$compiler" -std=c++20 ${1:+-fsanitize="$1"} "$here/../consumer/consumer_core.cpp" -o "$work/program" "${arguments[@]}"
    "$work/program" 2>&1
}

arguments=("$@")
for sanitizer in thread address; do
    said=$(try "$sanitizer")
    if [[ $(grep -c "WARN: load: .*-fsanitize=$sanitizer" <<<"$said") != 1 ]]; then
        printf 'FAILED: one message was expected of a program with -fsanitize=%s:\n%s\n' "$sanitizer" "$said"
        exit 1
    fi
done
if said=$(try '') && grep WARN <<<"$said"; then
    echo 'FAILED: no message was expected of a program without a sanitizer'
    exit 1
fi
