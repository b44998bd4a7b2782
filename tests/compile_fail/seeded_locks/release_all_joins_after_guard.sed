# SPDX-License-Identifier: MIT
# devres_release_all joins the head's passes after its guard has ended: an owner's end does not see it (C15).
# source: devres_core/src/list/pass.cpp
# expect: calling function 'join_locked' requires holding
/^int devres_release_all\(/,/^\}/ {
    /all\.join_locked\(head\);/ d
    s/^    return all\.finish\(\);/    all.join_locked(head);\n&/
}
