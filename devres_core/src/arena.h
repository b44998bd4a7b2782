// SPDX-License-Identifier: MIT
//
// The memory that a head's one-step resources live in.
//
// Slots of some two dozen size classes are carved off the newest of a few blocks, each twice as large as the one
// before, and reused by class. A bit for each 16 bytes says where slots start, so that a pointer can be
// checked without following it. When the last slot comes back everything starts afresh.
//
// Thread safety: what ends in _locked needs the head's lock; the rest is said there. No function calls the
// upstream under the lock: blocks come in and go out by hand.
//
// Invariants
// 1. A slot is 16-byte aligned and begins with a resource header.
// 2. A slot's bit in `starts` is set from its first use until the arena starts afresh.
// 3. The arena lives as long as its head, and beyond it as long as a handle, or a release under way on the
//    thread that destroyed the head, refers to it.
//
// Under AddressSanitizer payloads are followed by a red zone, free slots are poisoned, and a slot is not used
// again until all are free and the block has gone back to malloc; so stale pointers are always recognised.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <utility>

#include <devres/devres.h>

#include "block.h"
#include "state.h"

namespace devres::detail {

// Slots that were freed outside the lock, by class, to be given back in one step.
struct slot_batch;

class arena {
public:
    static constexpr unsigned classes = slot_classes;
    static constexpr std::size_t kept_bytes = 64 * 1024; // what an arena without live slots holds on to

    // Null on no memory. With it comes the first block.
    static arena* create(devres_head* head, std::pmr::memory_resource* upstream) noexcept;

    // --- Slots ---
    // The class of a slot for `size` payload bytes; `classes` if it is too large for one.
    static constexpr unsigned class_for(std::size_t size) noexcept
    {
        const std::size_t bytes = sizeof(resource) + size + red_zone_bytes;
        return size > largest_slot || bytes > largest_slot ? classes : class_of_bytes(bytes);
    }
    static constexpr std::size_t payload_capacity(unsigned size_class) noexcept
    {
        return class_bytes(size_class) - sizeof(resource) - red_zone_bytes;
    }

    // Null if a block has to be added first. The header's state is left to the caller.
    resource* take_locked(unsigned size_class, std::size_t size) noexcept
    {
        resource* res = nullptr;
        if (links* reused = free_[size_class]) {
            free_[size_class] = reused->next;
            res = static_cast<resource*>(reused);
        } else {
            char* slot = blocks_->carve(class_bytes(size_class));
            if (!slot) [[unlikely]]
                return nullptr;
            res = ::new (static_cast<void*>(slot)) resource; // trivial: nothing is written
        }
        if constexpr (checked_memory)
            unpoison(res->payload(), size);
        ++live_;
        return res;
    }
    // The payload of a taken slot is now `size` bytes.
    static void resize(resource* res, std::size_t size) noexcept;

    // Outside the lock, before it is given back: nobody may look at the payload any more.
    static void retire([[maybe_unused]] resource* res) noexcept
    {
        if constexpr (checked_memory)
            poison(res->payload(), class_bytes(state_word::of(res).size_class()) - sizeof(resource));
    }
    // Blocks to free without the lock, or null.
    [[nodiscard]] block* give_locked(resource* res) noexcept;
    // `n` slots, linked by next, none of them live any more. False: they must come back as batch instead.
    [[nodiscard]] bool give_all_locked(std::uint32_t n, block** garbage) noexcept;
    void give_batch_locked(slot_batch& batch) noexcept;

    // The slot whose payload is at `p`; null if there is none. Follows nothing but its own bookkeeping.
    resource* slot_at_locked(const void* p) const noexcept;

    // --- Blocks ---
    // How a next block is fetched: ask, allocate without the lock, hand over.
    bool has_room_locked(unsigned size_class) const noexcept
    {
        return free_[size_class] || blocks_->room() >= class_bytes(size_class);
    }
    std::size_t next_block_bytes_locked() const noexcept;
    static block* make_block(std::pmr::memory_resource* upstream, std::size_t bytes) noexcept;
    static std::size_t smallest_block_bytes(unsigned size_class) noexcept;
    void add_block_locked(block* fresh) noexcept;
    static void free_blocks(std::pmr::memory_resource* upstream, block* blocks) noexcept;

    // --- Life (any thread) ---
    void get() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void put() noexcept;

    // A handle's way to the head: null if that is gone. A non-null result must be followed by leave().
    devres_head* enter() noexcept;
    void leave() noexcept;
    // The head goes: waits for those between enter() and leave(), which is short, and lets no more in.
    void orphan() noexcept;

    std::pmr::memory_resource* upstream() const noexcept { return upstream_; }

private:
    arena(devres_head* head, std::pmr::memory_resource* upstream) noexcept : head_(head), upstream_(upstream)
    {
    }
    ~arena() = default;
    [[nodiscard]] block* start_afresh_locked() noexcept;

    std::atomic<std::uint32_t> references_{1};
    std::atomic<std::uint32_t> visitors_{0}; // bit 31: the head is gone
    devres_head* head_;
    std::pmr::memory_resource* upstream_;
    block* blocks_ = nullptr; // newest first; the last one holds the arena itself
    std::uint32_t live_ = 0;
    bool reusable_ = false; // some list in free_ may not be empty
    links* free_[classes] = {};
};

struct slot_batch {
    struct chain {
        links* first;
        links* last;
    };
    chain chains[arena::classes] = {};
    std::uint32_t count = 0;

    void add(resource* res) noexcept;
};

} // namespace devres::detail
