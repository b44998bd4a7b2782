// SPDX-License-Identifier: MIT

#include "memory/attach.h"

namespace devres::detail {

void attach_own_block(devres_head* head, resource* res, life_state life, storage_kind storage,
                      const char* function, pass* presence, bool linked) noexcept
{
    resource_state::make(life, storage).store(res);
    const guard held(head, function);
    if (linked) {
        attach_locked(head, res, life);
        note_linked_locked(head, res);
    }
    if (presence)
        presence->join_locked(head);
}

} // namespace devres::detail
