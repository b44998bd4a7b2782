#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# usage: check.sh <file.cpp> <compiler> [flag]...
#
# Proves that what must not compile does not, and for the right reason. In <file.cpp>, each case is a
# block of its own and a line that says what the compiler must answer (an extended regular expression,
# matched against each line of its output):
#
#     // CASE_WRONG_DATA: action takes foo\*.*cannot convert
#     #ifdef CASE_WRONG_DATA
#         (void)devm_add_action(dev, free_foo, &bar);
#     #endif
#
# The file without any case defined is the positive control: it holds the right form of each call and must
# compile without a warning. One expectation serves both compilers; use a static_assert's own words, or
# `(this|that)`.
set -euo pipefail

file=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# What the file includes before its first #if is read once, not once for each case.
sed '/^#if/q' "$file" | grep '^#include' >"$scratch/common.h" || true
"${@:2}" -x c++-header "$scratch/common.h" -o "$scratch/common.h.gch" || true # the positive control will tell
compile=("${@:2}" -include "$scratch/common.h" -fsyntax-only "$file")
failures=0

fail() {
    printf '%s: %s\n' "${file##*/}" "$1"
    [[ -z ${2-} ]] || sed 's/^/    /' <<<"$2" | head -n 20
    failures=$((failures + 1))
}

if ! output=$("${compile[@]}" -Werror 2>&1); then
    fail 'positive control does not compile' "$output"
fi

cases=0
while IFS= read -r line; do
    name=${line%%:*} expected=${line#*: }
    cases=$((cases + 1))
    if ! grep -qE "^#.*\b$name\b" "$file"; then
        fail "$name: no block in the file"
    elif output=$("${compile[@]}" "-D$name" 2>&1); then
        fail "$name: compiles"
    elif ! grep -qE -- "$expected" <<<"$output"; then
        fail "$name: fails, but not with '$expected'" "$output"
    fi
done < <(sed -nE 's%^[[:space:]]*// (CASE_[A-Za-z0-9_]+: .+)%\1%p' "$file")

while IFS= read -r name; do
    grep -qE "// $name: " "$file" || fail "$name: says nowhere what the compiler must answer"
done < <(grep -E '^#' "$file" | grep -oE 'CASE_[A-Za-z0-9_]+' | sort -u)

((cases > 0)) || fail 'no case in the file'
printf '%s: %d cases, %d failures\n' "${file##*/}" "$cases" "$failures"
((failures == 0))
