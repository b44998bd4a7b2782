// SPDX-License-Identifier: MIT
//
// The 32-bit state of a resource: where it is in its life, where its memory came from, and when it was
// listed.
//
//   bits 0-2   life
//   bits 3-4   place: who owns the memory
//   bit  5     pinned: a devres_action refers to it; its slot is not reused until that is dropped
//   bits 6-10  size class of a slot
//   bits 11-31 epoch of its head when it was listed
//
// The epoch is what lets release_all detach any number of resources in one step: it bumps the head's epoch,
// and what was listed under an older one is no longer on the list but in a pass. It wraps after two million
// passes, and only matters while one of those still has to release the resource.
#pragma once

#include <cstdint>

#include <devres/detail/resource.h>

namespace devres::detail {

// Bit 2 says that it is not simply there, to be released.
enum class life : std::uint32_t {
    none = 0,         // never initialised
    idle = 1,         // initialised, on no head
    listed = 2,       // on a head (or, with an old epoch, in a pass)
    detached = 3,     // claimed by one thread
    constructing = 4, // as listed, but its object is still being made
    abandoned = 5,    // its owner was released while its object was being made
    free = 6,         // a slot that holds nothing
};

enum class place : std::uint32_t {
    slot = 0,    // the head's arena
    large = 1,   // a block of its own from the upstream
    heap = 2,    // devres_alloc: malloc
    callers = 3, // a devres_node, or part of another resource
};

// When something was listed, as the upper bits of a state; a head counts them up.
inline constexpr unsigned epoch_shift = 11;
inline constexpr std::uint32_t one_epoch = 1u << epoch_shift;

class state_word {
public:
    static constexpr std::uint32_t pinned_bit = 1u << 5;

    constexpr explicit state_word(std::uint32_t bits) noexcept : bits_(bits) {}
    static constexpr state_word make(life l, place p = place::slot) noexcept
    {
        return state_word(static_cast<std::uint32_t>(l) | static_cast<std::uint32_t>(p) << 3);
    }
    static state_word of(const resource* res) noexcept
    {
        return state_word(res->state.load(std::memory_order_relaxed));
    }

    constexpr life where() const noexcept { return static_cast<life>(bits_ & 7u); }
    constexpr detail::place memory() const noexcept { return static_cast<detail::place>(bits_ >> 3 & 3u); }
    constexpr bool pinned() const noexcept { return (bits_ & pinned_bit) != 0; }
    // In the arena, known to no handle, and not being constructed: what nearly all are.
    constexpr bool is_plain_slot() const noexcept { return (bits_ & (4u | 3u << 3 | pinned_bit)) == 0; }
    constexpr unsigned size_class() const noexcept { return bits_ >> 6 & 31u; }
    constexpr bool is_of_epoch(std::uint32_t epoch) const noexcept { return (bits_ ^ epoch) < one_epoch; }

    constexpr state_word with(life l) const noexcept
    {
        return state_word((bits_ & ~7u) | static_cast<std::uint32_t>(l));
    }
    constexpr state_word with_epoch(std::uint32_t epoch) const noexcept
    {
        return state_word((bits_ & (one_epoch - 1)) | epoch);
    }
    constexpr state_word at(detail::place p, unsigned size_class) const noexcept
    {
        return state_word((bits_ & ~0x7d8u) | static_cast<std::uint32_t>(p) << 3 | size_class << 6);
    }
    constexpr state_word with_pin() const noexcept { return state_word(bits_ | pinned_bit); }
    constexpr state_word without_pin() const noexcept { return state_word(bits_ & ~pinned_bit); }
    // The same but for the slot's class.
    constexpr bool equals_but_class(state_word other) const noexcept
    {
        return ((bits_ ^ other.bits_) & ~(31u << 6)) == 0;
    }

    constexpr std::uint32_t bits() const noexcept { return bits_; }
    void store(resource* res) const noexcept { res->state.store(bits_, std::memory_order_relaxed); }

private:
    std::uint32_t bits_;
};

// From constructing to `l`, unless another thread was faster. True if this call did it.
inline bool leave_construction(resource* res, life l) noexcept
{
    const state_word now(res->state.load(std::memory_order_acquire));
    std::uint32_t expected = now.bits();
    return now.where() == life::constructing &&
           res->state.compare_exchange_strong(expected, now.with(l).bits(), std::memory_order_acq_rel);
}

inline void set_life(resource* res, life l) noexcept
{
    state_word::of(res).with(l).store(res);
}

// The same for what a handle may be letting go of at this moment, which takes no lock.
inline void change_life(resource* res, life l) noexcept
{
    std::uint32_t now = res->state.load(std::memory_order_acquire);
    while (
        !res->state.compare_exchange_weak(now, state_word(now).with(l).bits(), std::memory_order_acq_rel)) {
    }
}

} // namespace devres::detail
