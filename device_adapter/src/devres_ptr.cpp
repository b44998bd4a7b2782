// SPDX-License-Identifier: MIT
//
// Containers: who destroys the T. Whoever takes the node off the device's list, as with any other resource: a
// pass (unbind, or a group), or somebody who ends it early. The latter first claims `state`, which keeps
// others who would do the same waiting, waits for readers of this T, and then releases the node on its own
// thread, as a claim that unbind waits for. If a pass was faster, it has lost.

#include <devres/devres_ptr.h>

#include <optional>
#include <utility>

#include <devres/detail/report.h>
#include <devres/env/thread.h>

namespace devres::detail {

container_block::container_block(binding* binding, const container_ops* of_type) noexcept
    : owner(binding), ops(of_type)
{
    owner->get();
}

container_block::~container_block()
{
    owner->put();
}

void free_leftovers(binding_leftover* kept) noexcept
{
    while (kept)
        static_cast<container_block*>(std::exchange(kept, kept->next))->free();
}

int container_block::attach(const bound_device& dev) noexcept
{
    if (!owner->domain().is_open() || !owner->expect_readers()) {
        state.close();
        if (state.claim())
            destroy_object();
        return -ENODEV;
    }
    devres_node_init(this, &release, ops->name);
    devres_node_add(&dev->devres, this);
    return 0;
}

void container_block::destroy_object() noexcept
{
    {
        const release_scope releasing;
        ops->destroy(this);
    }
    state.gone();
}

// Runs without a lock, in a pass of the owner or in end_early().
void container_block::release(devres_head* head, devres_node* node)
{
    auto* self = static_cast<container_block*>(node); // SAFETY: only containers have this release
    // At unbind the readers of the whole binding have been waited for; who ends it early has waited, too.
    const bool early = self->ended_early_by.load(std::memory_order_relaxed) == this_thread();
    if (!early && self->owner->unpark(head, self))
        return;
    const auto waited = self->owner->waited();
    if (!early && waited != binding::readers_state::have_left) {
        const reader_set readers(self->state.object());
        if (waited == binding::readers_state::some_left_out) {
            if (has_readers(readers)) {
                self->lose_object();
                return;
            }
        } else {
            // Asked again: a WARN handler may have ended the guard.
            if (warn_if_inside("release", head, readers, {}, self->ops->name) && inside_at(readers).file) {
                self->owner->park(self); // it cannot go now; unbind will have it
                return;
            }
            self->state.close();
            wait_for_readers(readers, "release", head, self->ops->name);
        }
    }
    self->destroy_object(); // from here on it may have been freed
}

// Somebody is inside whom unbind could not wait for: the T stays where it is, for ever.
void container_block::lose_object() noexcept
{
    lost = true;
    state.gone();
}

void container_block::free() noexcept
{
    if (!lost)
        ops->free(this);
}

// Requires: closed, claimed by this thread, nobody inside. Returns: true if this call destroyed the T.
bool container_block::end_early() noexcept
{
    ended_early_by.store(this_thread(), std::memory_order_relaxed);
    const borrowed_device dev(owner);
    // If it is on neither list a pass has it, which waits for nobody.
    return dev.head() &&
           (devres_node_release(owner->parked(), this) == 0 || devres_node_release(dev.head(), this) == 0);
}

bool container_block::revoke(source_place where) noexcept
{
    const borrowed_device dev(owner); // for messages
    return revoke_for(dev.head(), where);
}

bool container_block::revoke_for(devres_head* head, source_place where) noexcept
{
    if (state.is_gone() || warn_if_inside("revoke", head, reader_set(state.object()), where, ops->name))
        return false;
    // While unbind releases, a callback leaves its siblings to it, each at its place in the order (C11, V6).
    if (!owner->domain().is_open() && release_scope::active())
        return false;
    // Whoever has the T (unbind, or the release of a group) may wait for who is inside anything else on the
    // way to it, as when what is newer than T unplugs a drm_device or unregisters another device. So such a
    // one does not wait for it, as if it were a release callback.
    std::optional<release_scope> does_not_wait;
    if (is_inside_anything())
        does_not_wait.emplace();
    if (state.begin_revoke(where, "revoke", head, ops->name) != revocable_state::outcome::done)
        return false;
    if (end_early())
        return true;
    // Once unbind is over there is nobody to wait for: what its end has cut off (C12) is never gone.
    if (head && !release_scope::active())
        state.wait_until_gone("revoke", head, ops->name);
    return false;
}

bool container_block::revoke_nowait() noexcept
{
    return owner->domain().is_open() // else unbind will find it
           && state.begin_revoke_nowait() == revocable_state::outcome::done && end_early();
}

void container_block::drop() noexcept
{
    revoke_nowait();
    // Not gone: it is still on the list, or a pass is at it. Nobody but the binding can tell when that will
    // be over.
    if (state.is_gone() || !owner->keep_until_end(this))
        free();
}

} // namespace devres::detail
