// SPDX-License-Identifier: MIT
//
// Handles of callables (A9). How a handle and the list share a resource is a table in memory/own_block.h.

#include <cerrno>

#include <devres/detail/attach.h>
#include <devres/detail/scoped_lock.h>

#include "list/two_step.h"
#include "managed/known.h"

namespace devres::detail {

namespace {

// The handle lets go; if the callable is still on the list, `one` claims it.
// Returns: false if it was released before.
bool take(resource* res, pass& one) noexcept
{
    shared_part& shared = shared_part_of(res);
    bool taken = false;
    bool last = false;
    {
        const scoped_lock held(shared.mutex); // keeps the head from ending, if there still is one
        shared.handle_gone = true;
        if (devres_head* head = shared.head) {
            const guard list_held(head, "devres_action");
            taken = list_of(head).holds_locked(res);
            if (taken)
                one.claim_locked(head, res);
        } else {
            last = shared.list_gone;
        }
    }
    if (last)
        free_shared_block(res);
    return taken;
}

} // namespace

int handle_cancel(resource* res) noexcept
{
    pass one;
    if (!take(res, one))
        return -ENOENT;
    one.pop(); // before a log hook could end the owner, and with it release what this pass has pending
    const auto* ops = static_cast<const callable_ops*>(res->ops); // SAFETY: only callables have handles
    tell("REM", one.head(), event_of(res));
    if (ops->drop) {
        const release_scope releasing;
        ops->drop(one.head(), res);
    }
    free_shared_block(res); // which neither the handle nor the list has any more
    one.finish();
    return 0;
}

int handle_run(resource* res) noexcept
{
    pass one;
    if (!take(res, one))
        return -ENOENT;
    one.finish();
    return 0;
}

void handle_drop(resource* res) noexcept
{
    let_go_by_handle(res);
}

} // namespace devres::detail
