// SPDX-License-Identifier: MIT
//
// Managed memory: kmalloc, kfree, krealloc (A4 to A6).

#include <cstring>

#include <devres/detail/attach.h>

#include "list/two_step.h"
#include "managed/filled.h"
#include "managed/place.h"

namespace devres::detail {

constexpr resource_ops memory_ops{resource_kind::memory, nullptr, "memory"};

namespace {

constexpr std::size_t most_to_clear = 4096; // while the lock is held

bool is_no_memory(const void* p) noexcept
{
    return !p || p == ZERO_SIZE_PTR;
}

// Grows or shrinks a resource where it is, if that fits.
bool resize_in_place_locked(resource* res, std::size_t size) noexcept
{
    const resource_state state = resource_state::of(res);
    if (state.storage() == storage_kind::block) {
        // A block of its own gives back what it shrinks by only by moving.
        own_block_prefix& block = prefix_of(res);
        if (checked_memory || size > block.capacity || size < block.capacity / 2)
            return false;
        block.size = size;
        return true;
    }
    if (size > payload_capacity(state.size_class()))
        return false;
    resize_slot(res, size);
    return true;
}

// What has grown to a size that needs a block of its own is likely to go on: a quarter more for that, unless
// a tool watches the end of the block.
std::size_t room_to_grow(std::size_t old_size, std::size_t size) noexcept
{
    std::size_t roomy = 0;
    if (checked_memory || size <= old_size || class_for_payload(size) != slot_classes ||
        __builtin_add_overflow(size, size / 4, &roomy))
        return size;
    return roomy;
}

// Moves the memory at `p` to a new block, which takes its place in the order. Until the contents are copied
// the new block counts as being constructed, so that nobody frees it; the old one is claimed meanwhile.
// `epoch` is the list's when `p` was looked up: if it is another one now, everything was released meanwhile,
// and what is there is somebody else's.
// Returns: null without memory, or if the block was freed meanwhile, which is the caller's error.
void* move_memory(devres_head* head, void* p, std::size_t old_size, std::uint32_t epoch, std::size_t size,
                  const allocation_request& request, bool is_alone) noexcept
{
    place moved("krealloc", place::listing::later);
    resource_shape shape{.size = room_to_grow(old_size, size), .is_alone = is_alone};
    if (!moved.take(head, &memory_ops, shape, request)) {
        shape.size = size;
        if (!moved.take(head, &memory_ops, shape, request))
            return nullptr;
    }
    if (resource_state::of(moved.res()).storage() == storage_kind::block)
        prefix_of(moved.res()).size = size;
    looked_up found;
    {
        const guard held(head, "krealloc");
        found = look_up_locked(head, p, &memory_ops);
        if (found.res && list_of(head).epoch_locked() != epoch) {
            found.res = nullptr;
            found.wrong = "freed already, and somebody else's";
        }
        if (found.res) {
            old_size = exact_size(found.res);
            moved.replace_locked(head, found.res);
        }
    }
    if (!found.res) {
        report("krealloc", head, p, found);
        return nullptr;
    }
    std::memcpy(moved.memory(), p, old_size < size ? old_size : size);
    if ((request.gfp & __GFP_ZERO) && size > old_size)
        std::memset(static_cast<char*>(moved.memory()) + old_size, 0, size - old_size);
    moved.discard_replaced(); // before a log hook could drain, and with it release that
    if (logging()) [[unlikely]]
        log_event("REM", head, {"memory", "memory", nullptr, old_size, found.res});
    resource* whole = moved.commit();
    return whole ? whole->payload() : nullptr;
}

} // namespace

void* attach_memory(devres_head* head, std::size_t size, gfp_t gfp) noexcept
{
    if (gfp & __GFP_ZERO)
        return attach_filled(head, size, gfp, [size](void* memory) { std::memset(memory, 0, size); });
    return attach_filled(head, size, gfp, [](void*) {});
}

bool free_memory(devres_head* head, const void* p, const char* function) noexcept
{
    if (is_no_memory(p))
        return true;
    upstream* const source = upstream_of(head);
    looked_up found;
    unused_memory unused;
    std::size_t size = 0;
    {
        const guard held(head, function);
        found = look_up_locked(head, p, &memory_ops);
        if (found.res) {
            size = exact_size(found.res);
            unused = unlink_and_free_locked(head, found.res);
        }
    }
    const bool is_there = improve_if_long(head, found.effort, function);
    if (found.wrong) {
        if (is_there)
            report(function, head, p, found);
        return false;
    }
    if (logging() && is_there) [[unlikely]]
        log_event("REM", head, {"memory", "memory", nullptr, size, found.res});
    if (unused) [[unlikely]]
        free_unused(source, unused); // last: a user's upstream may end the owner
    return true;
}

void* resize_memory(devres_head* head, void* p, std::size_t size, gfp_t gfp) noexcept
{
    if (is_no_memory(p))
        return attach_memory(head, size, gfp);
    return resize_memory(head, p, size, {gfp, -1, __builtin_return_address(0)}, false);
}

void* resize_memory(devres_head* head, void* p, std::size_t size, const allocation_request& request,
                    bool is_alone) noexcept
{
    if (size == 0)
        return free_memory(head, p, "krealloc") ? ZERO_SIZE_PTR : nullptr;
    std::size_t old_size = 0;
    std::uint32_t epoch = 0;
    bool fits = false;
    looked_up found;
    {
        const guard held(head, "krealloc");
        found = look_up_locked(head, p, &memory_ops);
        if (found.res) {
            old_size = exact_size(found.res);
            epoch = list_of(head).epoch_locked();
            // Cleared under the lock: later it may be gone. For the same reason much moves instead.
            const std::size_t clear = (request.gfp & __GFP_ZERO) && size > old_size ? size - old_size : 0;
            fits = clear <= most_to_clear && resize_in_place_locked(found.res, size);
            if (fits)
                std::memset(static_cast<char*>(p) + old_size, 0, clear);
        }
    }
    if (!improve_if_long(head, found.effort, "krealloc")) [[unlikely]]
        return nullptr; // it went with its owner
    // The upstream that was asked for an index may have drained the head; then move_memory() says so.
    if (fits && found.effort.was_long()) [[unlikely]] {
        const guard held(head, "krealloc");
        fits = list_of(head).epoch_locked() == epoch;
    }
    if (!found.res) {
        report("krealloc", head, p, found);
        return nullptr;
    }
    return fits ? p : move_memory(head, p, old_size, epoch, size, request, is_alone);
}

} // namespace devres::detail
