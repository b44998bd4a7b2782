# SPDX-License-Identifier: MIT
# devres_release_group finds the group under its guard, and takes what is inside after it.
# source: devres_core/src/list/group.cpp
# expect: calling function '(join|collect)_locked' requires holding
/^int devres_release_group\(/,/^\}/ {
    /inside\.join_locked\(head\);/ d
    /collect_locked\(/ d
    s/if \(group\* g = find_locked\(head, id\)\) \{/if (find_locked(head, id)) {/
    s/^    if \(!inside\.head/    inside.join_locked(head);\n    collect_locked(head, nullptr, inside);\n&/
}
