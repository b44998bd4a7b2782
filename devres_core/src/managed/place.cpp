// SPDX-License-Identifier: MIT

#include "managed/place.h"

#include "list/two_step.h"

namespace devres::detail {

bool place::take(devres_head* head, const resource_ops* ops, resource_shape shape,
                 const allocation_request& request) noexcept
{
    shape.life = life_state::constructing;
    res_ = attach(
        head, ops, shape, function_, request, [](void*) {}, &presence_, listed_);
    return res_ != nullptr;
}

bool place::take_shared(devres_head* head, const resource_ops* ops, std::size_t size,
                        std::size_t align) noexcept
{
    res_ = make_shared_block(head, ops, size, align);
    if (res_)
        attach_own_block(head, res_, life_state::constructing, storage_kind::shared, function_, &presence_,
                         listed_);
    return res_ != nullptr;
}

void place::replace_locked(devres_head* head, resource* old) noexcept
{
    list_of(head).link_behind_locked(res_, life_state::constructing, old);
    listed_ = true;
    note_linked_locked(head, res_);
    note_unlinked_locked(head, old);
    presence_.take_locked(head, old);
}

void place::discard_replaced() noexcept
{
    if (resource* old = presence_.pop())
        presence_.discard(old);
}

resource* place::commit() noexcept
{
    resource* res = res_;
    res_ = nullptr;
    const description what = event_of(res);
    bool whole = false;
    if (devres_head* head = presence_.head()) {
        const guard held(head, function_);
        whole = resource_state::of(res).life() == life_state::constructing;
        if (whole)
            resource_state::of(res).with(life_state::listed).store(res, std::memory_order_release);
    }
    devres_head* head = presence_.head();
    if (whole) {
        tell("ADD", head, what);
        presence_.finish();
        return res;
    }
    // Abandoned: a pass has come to it, has said so, and has left it to this thread.
    if (res->ops->release) {
        const release_scope releasing;
        res->ops->release(head, res);
    }
    if (resource_state::of(res).storage() == storage_kind::shared)
        let_go_by_handle(res); // there will be no handle
    presence_.discard(res);
    presence_.finish();
    return nullptr;
}

void place::give_up() noexcept
{
    resource* res = res_;
    res_ = nullptr;
    bool mine = true;
    if (resource_state::of(res).storage() == storage_kind::shared)
        let_go_by_handle(res); // there will be no handle
    if (devres_head* head = presence_.head()) {
        const guard held(head, function_);
        if (resource_state::of(res).life() == life_state::constructing) {
            if (listed_ && !list_of(head).holds_locked(res)) {
                set_life(res, life_state::cancelled); // a pass that has not come to it yet frees the memory
                mine = false;
            } else if (listed_) {
                note_unlinked_locked(head, res);
                list_of(head).unlink_locked(res, life_state::cancelled);
            }
        }
    }
    if (mine)
        presence_.discard(res);
    presence_.finish();
}

} // namespace devres::detail
