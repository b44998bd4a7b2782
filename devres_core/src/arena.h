// SPDX-License-Identifier: MIT
//
// The memory that a head's one-step resources live in.
//
// Slots of some two dozen size classes are carved off the newest of a few blocks, each twice as large as the
// one before, and reused by class. A bit for each 16 bytes says where slots start, so that a pointer can be
// checked without following it (block.h). When the last slot comes back everything starts afresh.
//
// Thread safety: what ends in _locked needs the head's lock; the rest is said there. No function calls the
// upstream under the lock: blocks come in and go out by hand.
//
// Invariants
// 1. A slot is 16-byte aligned and begins with a resource header.
// 2. Below a block's `bump` slots follow one another without a gap, and the state of each says its class,
//    until the arena starts afresh.
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

#include <devres/detail/lock.h>
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

    // A slot for `size` payload bytes, which the caller makes a resource of before it lets go of the lock;
    // null if a block has to be added first.
    void* take_locked(unsigned size_class, [[maybe_unused]] std::size_t size) noexcept
    {
        void* slot = free_[size_class];
        if (slot) {
            free_[size_class] = free_[size_class]->next;
        } else {
            slot = blocks_->carve(class_bytes(size_class));
            if (!slot) [[unlikely]]
                return nullptr;
        }
        if constexpr (checked_memory)
            unpoison(static_cast<char*>(slot) + sizeof(resource), size);
        ++live_;
        return slot;
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
    [[nodiscard]] block* give_locked(resource* res) noexcept
    {
        if (live_ == 1) [[unlikely]] {
            live_ = 0;
            return start_afresh_locked();
        }
        give_one_of_many_locked(res);
        return nullptr;
    }
    // The same if it is not the last one.
    bool has_many_locked() const noexcept { return live_ > 1; }
    void give_one_of_many_locked(resource* res) noexcept
    {
        --live_;
        const state_word state = state_word::of(res).with(life::free);
        state.store(res);
        if constexpr (!checked_memory) {
            links*& list = free_[state.size_class()];
            res->next = list;
            list = res;
            if (!reusable_) // stores are what frees at random wait for
                reusable_ = true;
        }
    }
    // `n` slots, linked by next, none of them live any more. False: they must come back as batch instead.
    [[nodiscard]] bool give_all_locked(std::uint32_t n, block** garbage) noexcept;
    void give_batch_locked(slot_batch& batch) noexcept;

    // Asks for the header of a slot with its payload at `p` to be brought near, whatever `p` is: that reads
    // nothing and cannot fault, and frees at random mostly wait for it.
    static void expect(const void* p) noexcept
    {
        __builtin_prefetch(
            reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(p) - sizeof(resource)));
    }

    // The slot whose payload is at `p`; null if there is none, or if that is not known yet. Follows nothing
    // but its own bookkeeping.
    resource* marked_slot_at_locked(const void* p) const noexcept
    {
        std::size_t offset = 0;
        block* b = block_of_locked(p, &offset);
        if (!b) [[unlikely]]
            return nullptr;
        char* slot = b->first + offset;
        if (slot >= b->marked_to || !b->marked(slot)) [[unlikely]]
            return nullptr;
        // SAFETY: a marked unit is the start of a slot, and a slot starts with its header.
        return reinterpret_cast<resource*>(slot);
    }
    // The same, but finds out. In short sections: false if it has to be asked again, the lock having been
    // released.
    bool find_slot_locked(const void* p, resource** res) noexcept;

    std::size_t live_locked() const noexcept { return live_; }

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

    // A handle's way to the head: calls work(head), with the head kept from ending, unless that has happened.
    template <class Work>
    void with_head(Work work) noexcept
    {
        const scoped_lock held(gate_);
        if (head_)
            work(head_);
    }
    // The head goes, or takes other memory.
    void orphan() noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
    {
        if (references_.load(std::memory_order_acquire) == 1) { // no handle, and nobody left to make one
            head_ = nullptr;
            return;
        }
        const scoped_lock held(gate_);
        head_ = nullptr;
    }

    std::pmr::memory_resource* upstream() const noexcept { return upstream_; }

private:
    arena(devres_head* head, std::pmr::memory_resource* upstream) noexcept : head_(head), upstream_(upstream)
    {
    }
    ~arena() = default;
    [[nodiscard]] block* start_afresh_locked() noexcept;
    // The block that can have a slot with its payload at `p`, and where in it.
    block* block_of_locked(const void* p, std::size_t* offset) const noexcept
    {
        // As numbers: `p` may be anything, and pointers may only be compared within one object.
        const std::uintptr_t header = reinterpret_cast<std::uintptr_t>(p) - sizeof(resource);
        if (header % unit != 0) [[unlikely]]
            return nullptr;
        // The last block below it. Without a branch that depends on the pointer: frees at random mostly wait
        // for memory, and a branch predicted wrong keeps the next ones from waiting at the same time.
        std::uint32_t low = 0;
        for (std::uint32_t n = sorted_count_; n > 1;) {
            const std::uint32_t half = n / 2;
            low = reinterpret_cast<std::uintptr_t>(sorted_[low + half]) <= header ? low + half : low;
            n -= half;
        }
        if (is_in(sorted_[low], header, offset)) [[likely]]
            return sorted_[low];
        for (block* b = unsorted_ ? blocks_ : nullptr; b; b = b->older)
            if (is_in(b, header, offset))
                return b;
        return nullptr;
    }
    static bool is_in(const block* b, std::uintptr_t header, std::size_t* offset) noexcept
    {
        *offset = header - reinterpret_cast<std::uintptr_t>(b->first);
        return *offset < static_cast<std::size_t>(b->bump - b->first);
    }
    void sort_in(block* b) noexcept;

    static constexpr std::uint32_t most_sorted = 24; // each block as large as all before: 64 GiB

    std::atomic<std::uint32_t> references_{1};
    lock gate_; // taken before the head's
    devres_head* head_ DEVRES_GUARDED_BY(gate_);
    std::pmr::memory_resource* upstream_;
    block* blocks_ = nullptr; // newest first; the last one holds the arena itself
    std::uint32_t live_ = 0;
    bool reusable_ = false; // some list in free_ may not be empty
    bool unsorted_ = false; // there are blocks that are not in the next
    std::uint32_t sorted_count_ = 0;
    block* sorted_[most_sorted]; // by address
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
