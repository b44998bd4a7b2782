#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Compares the driver as it would be in C with the ported one. Every line of the port that differs (white space
# apart) must be of a kind that the design allows; the number of each kind, of the lines of C that did not stay,
# and the sentence in docs/porting.md that tells them must be as below. Empty lines and the files' first
# comments do not count.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

declare -A expected=(
    [include]=6       # the library's headers for the kernel's, and `using namespace`
    [void_pointer]=11 # any_ptr where C converted a void*; u8*, since C++ does not add to a void*
    [drm_dev_alloc]=6 # devm_drm_dev_alloc<T>: T is a drm_device instead of holding one; null for IS_ERR
    [unused]=3        # a parameter without use has no name; nullptr, since the type of an action's data is checked
    [ioctl]=4         # an ioctl returns a long, and its table is indexed by the command
    [driver]=7        # the proof of binding for a platform_device; one struct for a driver; who suspends calls it
)
expected_c_lines=274
expected_c_changed=55

kind_of() {
    case $1 in
        '#include '* | 'using namespace devres;') echo include ;;
        *'any_ptr('* | *'u8* regs;') echo void_pointer ;;
        *'devm_drm_dev_alloc<'* | *': drm_device {' | *'drm = w;' | *'static_cast<struct widget*>(drm)'*) echo drm_dev_alloc ;;
        *'if (!w)' | *'return -ENOMEM;') echo drm_dev_alloc ;;
        *'widget_irq(int, void'* | *'widget_free_planes(struct drm_device* drm, void*)' | *', nullptr);') echo unused ;;
        'static long widget_ioctl_'* | *'{"WIDGET_'*) echo ioctl ;;
        *'const bound_device& pdev)' | *'dev = pdev;' | 'int widget_'* | *'device_driver widget_driver'*) echo driver ;;
        *'.name = "widget",') echo driver ;;
        *) echo other ;;
    esac
}

declare -A found=()
status=0
expect() { # <what> <expected> <found>
    printf '%-28s %3d lines\n' "$1" "$3"
    if (($3 != $2)); then
        printf '    expected %d\n' "$2"
        status=1
    fi
}
code() { grep -v '^//' "$1" | grep '[^[:space:]]'; }
changes() { # <old format> <new format>
    diff -w --old-line-format="$1" --unchanged-line-format= --new-line-format="$2" \
        <(code probe_in_c.txt) <(code ported_probe.cpp) || true
}

while IFS= read -r line; do
    kind=$(kind_of "$line")
    found[$kind]=$((${found[$kind]:-0} + 1))
    if [[ $kind == other ]]; then
        printf 'differs in a way nobody allowed: %s\n' "$line"
        status=1
    fi
done < <(changes '' '%L')

for kind in include void_pointer drm_dev_alloc unused ioctl driver; do
    expect "the port: $kind" "${expected[$kind]}" "${found[$kind]:-0}"
done
c_lines=$(code probe_in_c.txt | wc -l)
c_changed=$(changes '%L' '' | wc -l)
port_lines=$(code ported_probe.cpp | wc -l)
port_changed=$(changes '' '%L' | wc -l)
expect 'C' $expected_c_lines "$c_lines"
expect 'C that did not stay' $expected_c_changed "$c_changed"

told="Of $c_lines lines of C $((c_lines - c_changed)) stay as they are; $port_changed of the port's $port_lines lines are new or differ."
if ! grep -qF "$told" ../../../docs/porting.md; then
    printf 'docs/porting.md does not say: %s\n' "$told"
    status=1
fi
exit $status
