// SPDX-License-Identifier: MIT
//
// The 32-bit state of a resource. README.md of this folder has the table of lives.
//
//   bits 0-2   life
//   bits 3-5   storage: where its memory comes from
//   bits 6-10  size class, if that is a slot
//   bits 11-31 epoch: that of the list when it was linked, or `no_epoch`
//
// Thread safety: the word is atomic because a resource that is being released on one thread may be looked at
// by another one that holds the lock; it is changed only by who may move the resource to its next life.
#pragma once

#include <cstdint>

#include <devres/detail/resource.h>

namespace devres::detail {

// The lives from `constructing` on are those in which a pass must not simply release the resource.
enum class life_state : std::uint32_t {
    none = 0,         // never initialised
    idle = 1,         // initialised, and not on a head
    listed = 2,       // on a list, or in a pass
    constructing = 4, // as listed, but the constructor of its object is still running
    abandoned = 5,    // released while it was being constructed: it belongs to the constructing thread
    cancelled = 6,    // its constructor failed: only its memory is left to be freed
    free = 7,         // a slot that holds nothing
};

enum class storage_kind : std::uint32_t {
    slot = 0,    // a slot of the head's memory (src/memory)
    block = 1,   // a block of its own, from the head's upstream (src/memory)
    shared = 2,  // a block that a devres_action refers to as well (src/memory)
    heap = 3,    // allocated by this folder: devres_alloc, and the markers of groups
    callers = 4, // a devres_node, or a part of another resource
};

// The epoch of a list counts in steps of this, so that it can be compared with a state without a shift.
inline constexpr unsigned epoch_shift = 11;
inline constexpr std::uint32_t epoch_step = 1u << epoch_shift;
// No list ever has this one.
inline constexpr std::uint32_t no_epoch = ~(epoch_step - 1);

class resource_state {
public:
    static constexpr unsigned size_classes = 32;

    constexpr explicit resource_state(std::uint32_t bits) noexcept : bits_(bits) {}
    // That of a resource which is on no list.
    static constexpr resource_state make(life_state life, storage_kind storage,
                                         unsigned size_class = 0) noexcept
    {
        return resource_state(static_cast<std::uint32_t>(life) |
                              static_cast<std::uint32_t>(storage) << storage_shift |
                              size_class << class_shift | no_epoch);
    }
    static resource_state of(const resource* res,
                             std::memory_order order = std::memory_order_relaxed) noexcept
    {
        return resource_state(res->state.load(order));
    }
    void store(resource* res, std::memory_order order = std::memory_order_relaxed) const noexcept
    {
        res->state.store(bits_, order);
    }

    constexpr life_state life() const noexcept { return static_cast<life_state>(bits_ & life_mask); }
    constexpr storage_kind storage() const noexcept
    {
        return static_cast<storage_kind>(bits_ >> storage_shift & 7u);
    }
    constexpr unsigned size_class() const noexcept { return bits_ >> class_shift & (size_classes - 1); }
    constexpr bool has_epoch(std::uint32_t epoch) const noexcept { return (bits_ ^ epoch) < epoch_step; }

    // What nearly every released resource is: whole, and in a slot.
    constexpr bool is_plain_slot() const noexcept { return (bits_ & (4u | 7u << storage_shift)) == 0; }

    constexpr resource_state with(life_state life) const noexcept
    {
        return resource_state((bits_ & ~life_mask) | static_cast<std::uint32_t>(life));
    }
    constexpr resource_state with_epoch(std::uint32_t epoch) const noexcept
    {
        return resource_state((bits_ & (epoch_step - 1)) | epoch);
    }

    constexpr std::uint32_t bits() const noexcept { return bits_; }

private:
    static constexpr std::uint32_t life_mask = 7;
    static constexpr unsigned storage_shift = 3;
    static constexpr unsigned class_shift = 6;

    std::uint32_t bits_;
};

static_assert(resource_state::make(life_state::listed, storage_kind::slot).is_plain_slot());
static_assert(!resource_state::make(life_state::constructing, storage_kind::slot).is_plain_slot());
static_assert(!resource_state::make(life_state::listed, storage_kind::block).is_plain_slot());

// From now on it is on no list. In release order, for a thread that sees it without the lock.
inline void set_life(resource* res, life_state life) noexcept
{
    resource_state::of(res).with(life).with_epoch(no_epoch).store(res, std::memory_order_release);
}

} // namespace devres::detail
