# SPDX-License-Identifier: MIT
# devres_node_remove looks whether the node is on the head before it takes the lock.
# source: devres_core/src/list/node.cpp
# expect: calling function 'is_on_locked' requires holding
/^bool devres_node_remove\(/,/^\}/ {
    /const guard held/ d
    s/^( *)list_of\(head\)\.unlink_locked/\1const guard held(head, "devres_node_remove");\n&/
}
