// SPDX-License-Identifier: MIT
//
// Objects and callables, made in managed memory (A8, A9).

#include <cerrno>
#include <cstring>
#include <new>

#include <devres/detail/attach.h>

#include "list/two_step.h"
#include "managed/place.h"

namespace devres::detail {

static_assert(sizeof(place) <= sizeof(construction) - sizeof(void*), "construction keeps one in its bytes");
static_assert(alignof(place) <= alignof(void*));

construction::construction(devres_head* head, const resource_ops* ops, std::size_t size, std::size_t align,
                           sharing shared) noexcept
{
    auto* made = ::new (static_cast<void*>(rest_)) place("new", place::listing::now);
    const bool taken = shared == sharing::with_handle ? made->take_shared(head, ops, size, align)
                                                      : made->take(head, ops, {size, align}, {});
    memory_ = taken ? made->memory() : nullptr;
}

construction::~construction()
{
    rest().~place();
}

resource* construction::commit() noexcept
{
    return rest().commit();
}

place& construction::rest() noexcept
{
    return *std::launder(reinterpret_cast<place*>(rest_)); // SAFETY: the constructor has made one there
}

resource* attach_bytes(devres_head* head, const callable_ops* ops, const void* bytes, std::size_t size,
                       sharing shared) noexcept
{
    const auto fill = [bytes, size](void* payload) { std::memcpy(payload, bytes, size); };
    resource* res = nullptr;
    if (shared == sharing::none) {
        res = attach(head, ops, {size}, "add_action", {}, fill);
    } else if ((res = make_shared_block(head, ops, size, alignof(std::max_align_t)))) {
        fill(res->payload());
        attach_own_block(head, res, life_state::listed, storage_kind::shared, "add_action");
    }
    if (res && logging()) [[unlikely]]
        log_event("ADD", head, {"callable", ops->name, nullptr, size, res});
    return res;
}

int destroy_object(devres_head* head, const void* p, const resource_ops* ops) noexcept
{
    pass one;
    looked_up found;
    {
        const guard held(head, "delete");
        found = look_up_locked(head, p, ops);
        if (found.res)
            claim_known_locked(head, found.res, one);
    }
    const bool is_there = improve_if_long(head, found.effort, "delete");
    if (!found.res) {
        if (is_there)
            report("delete", head, p, found);
        return -ENOENT;
    }
    one.finish();
    return 0;
}

} // namespace devres::detail
