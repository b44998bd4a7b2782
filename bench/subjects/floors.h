// SPDX-License-Identifier: MIT
//
// Floors: each leaves out something that a managed resource needs, to show what is left of the cost.
#pragma once

#include "comparators/linux_model/list.h"
#include "comparators/linux_model/spinlock.h"
#include "subjects/bump.h"
#include "subjects/cell.h"

#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <new>

namespace bench {

using linux_model::list_head;

// One malloc and free of 56 bytes per resource, linked once; no lock, nothing can be removed.
struct floor_malloc {
    static constexpr const char* name = "floor_malloc56";

    struct node {
        node* next;
        void (*call)(cell*);
        cell* c;
        std::byte rest[32];
    };
    static_assert(sizeof(node) == 56);

    node* top = nullptr;

    void attach(cell* c) noexcept
    {
        void* memory = std::malloc(sizeof(node));
        require(memory != nullptr);
        auto* n = static_cast<node*>(memory);
        n->next = top;
        n->call = fire;
        n->c = c;
        top = n;
    }
    void release_all() noexcept
    {
        node* n = top;
        top = nullptr;
        while (n) {
            node* next = n->next;
            n->call(n->c);
            std::free(n);
            n = next;
        }
    }
    void end() noexcept { release_all(); }
};

// A slot of a bump arena and a list link under a lock of one compare-and-swap; nothing is checked.
struct floor_arena {
    static constexpr const char* name = "floor_arena";

    struct node {
        list_head entry;
        void (*call)(cell*);
        cell* c;
    };

    linux_model::spinlock lock;
    list_head resources;
    bump<node> memory;

    floor_arena() noexcept { linux_model::list_init(&resources); }
    floor_arena(const floor_arena&) = delete;
    floor_arena& operator=(const floor_arena&) = delete;

    void attach(cell* c)
    {
        std::lock_guard guard(lock);
        node* n = memory.take();
        n->call = fire;
        n->c = c;
        linux_model::list_add_front(&n->entry, &resources);
    }
    // One thread only: callbacks run on the list where it stands, and the slots come back all at once.
    void release_all() noexcept
    {
        for (list_head* e = resources.next; e != &resources; e = e->next) {
            auto* n = reinterpret_cast<node*>(e); // SAFETY: entry is the first member
            n->call(n->c);
        }
        std::lock_guard guard(lock);
        linux_model::list_init(&resources);
        memory.reset();
    }
    void end() noexcept { release_all(); }
};

// An unchecked list in an arena: unlinks whatever it is given and puts the slot on a free list.
template <class Mutex, std::size_t Payload>
struct unchecked_list {
    static constexpr bool scans = false;

    struct node {
        list_head entry;
        std::byte payload[Payload];
    };
    using key = node*;

    Mutex lock;
    list_head resources;
    bump<node> memory;

    unchecked_list() noexcept { linux_model::list_init(&resources); }
    unchecked_list(const unchecked_list&) = delete;
    unchecked_list& operator=(const unchecked_list&) = delete;

    void reserve(std::size_t) noexcept {}
    key add(cell*, std::size_t)
    {
        std::lock_guard guard(lock);
        node* n = memory.take();
        linux_model::list_add_back(&n->entry, &resources);
        return n;
    }
    void remove(key n) noexcept
    {
        std::lock_guard guard(lock);
        n->entry.next->prev = n->entry.prev;
        n->entry.prev->next = n->entry.next;
        memory.give(n);
    }
    void release_all() noexcept
    {
        linux_model::list_init(&resources);
        memory.reset();
    }
};

} // namespace bench
