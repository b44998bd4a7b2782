#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# usage: exports.sh <library.so> <exports.map>
#
# The library exports what the reviewed list names, all of it and nothing else.
set -euo pipefail

listed=$(sed -nE 's/^ +"(.*)";$/\1/p' "$2" | sort -u)
globs=$(sed -nE 's/^ +(devres::[^";]*\*);$/\1/p' "$2")
exported=$(nm -DC --defined-only "$1" | grep -v ' A DEVRES_' | cut -d' ' -f3- | sed 's/@@DEVRES_.*//' | sort -u)
while IFS= read -r glob; do
    [[ -n $glob ]] || continue
    pattern=$(sed 's/\*/.*/g' <<<"$glob")
    grep -qE "^$pattern\$" <<<"$exported" || { echo "FAILED: nothing matches $glob"; exit 1; }
    exported=$(grep -vE "^$pattern\$" <<<"$exported")
done <<<"$globs"
if ! diff <(echo "$listed") <(echo "$exported"); then
    echo "FAILED: ${1##*/} exports something else (>) than ${2##*/} lists (<)"
    exit 1
fi
echo "${1##*/}: $(wc -l <<<"$listed") exports, as listed"
