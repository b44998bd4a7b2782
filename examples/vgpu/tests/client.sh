#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# client.sh <vgpu> <verdict> <option>... -- <client> [argument]... [-- <client> [argument]...]
#
# `vgpu run`, and each client's line of the verdict must match the regular expression. Exit status 77, skipped, if a
# client is not installed, or the system does not offer --fuse.
set -euo pipefail
vgpu=$1 verdict=$2
shift 2

clients=() next=false
for word in "$@"; do
    if $next; then
        command -v "$word" >/dev/null || { echo "skipped: $word is not installed"; exit 77; }
        clients+=("$word")
    fi
    [[ $word == -- ]] && next=true || next=false
done

output=$("$vgpu" run "$@") || { status=$?; printf '%s\n' "$output"; exit $((status == 4 ? 77 : status)); }
printf '%s\n' "$output"
for client in "${clients[@]}"; do
    grep -qE "^ +$client +$verdict" <<<"$output" || { echo "FAILED: no line says: $client $verdict"; exit 1; }
done
