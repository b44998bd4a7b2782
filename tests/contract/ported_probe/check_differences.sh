#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Compares the driver as it would be in C with the ported one: every line that differs (white space apart)
# must be of a kind that the design allows, and the number of each kind is as below.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

declare -A expected=(
    [include]=4         # the library's headers for the kernel's, and `using namespace`
    [void_pointer]=11   # a cast, or devm_new, where C converted a void*
    [null_check]=2      # null for IS_ERR
    [drm_dev_alloc]=4   # devm_drm_dev_alloc<T>: T is a drm_device instead of holding one
)

kind_of() {
    case $1 in
        '#include '* | 'using namespace devres;') echo include ;;
        *'static_cast<'* | *'devm_new<'* | *'devm_delete('*) echo void_pointer ;;
        *' =') echo void_pointer ;; # what the cast made too long for one line
        *'devm_kcalloc('* | *'devm_krealloc_array('* | *'drmm_kmalloc_array('*) echo void_pointer ;; # its next line
        *'if (!w)' | *'return -ENOMEM;') echo null_check ;;
        *'devm_drm_dev_alloc<'* | *': drm_device {' | *'drm = w;' | *'drm_dev_unplug(w);') echo drm_dev_alloc ;;
        *) echo other ;;
    esac
}

declare -A found=()
status=0
code() { grep -v '^//' "$1"; }
while IFS= read -r line; do
    [[ -n ${line//[[:space:]]/} ]] || continue
    kind=$(kind_of "$line")
    found[$kind]=$((${found[$kind]:-0} + 1))
    if [[ $kind == other ]]; then
        printf 'differs in a way nobody allowed: %s\n' "$line"
        status=1
    fi
done < <(diff -w --old-line-format= --unchanged-line-format= --new-line-format='%L' \
    <(code probe_in_c.txt) <(code ported_probe.cpp) || true)

for kind in "${!expected[@]}"; do
    printf '%-14s %2d lines\n' "$kind" "${found[$kind]:-0}"
    if ((${found[$kind]:-0} != expected[$kind])); then
        printf '    expected %d\n' "${expected[$kind]}"
        status=1
    fi
done
printf 'of %d lines\n' "$(code ported_probe.cpp | grep -c .)"
exit $status
