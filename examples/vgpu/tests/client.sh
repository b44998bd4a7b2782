#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# client.sh <vgpu> <option>... -- <client> [args]... [-- <client> [args]...]
#
# `vgpu run` if every client is installed; else says which is not and exits with 77: skipped.
set -euo pipefail
vgpu=$1
shift
next=false
for word in "$@"; do
    if $next && ! command -v "$word" >/dev/null; then
        echo "skipped: $word is not installed"
        exit 77
    fi
    next=false
    [[ $word != -- ]] || next=true
done
exec "$vgpu" run "$@"
