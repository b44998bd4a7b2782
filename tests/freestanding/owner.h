// SPDX-License-Identifier: MIT
//
// What the tests of the mechanism have in common: an owner, resources and nodes that leave a trace, and a
// walk over the list.
#pragma once

#include <cstddef>
#include <new>

#include <devres/detail/report.h>
#include <devres/devres.h>

#include "harness.h"
#include "list/list.h"

namespace freestanding {

// The numbers of what was released, in that order. Static: release callbacks get no more than the head.
struct trace {
    static constexpr int most = 256;
    static inline constinit int numbers[most] = {};
    static inline constinit int count = 0;

    static void add(int number) noexcept
    {
        if (count < most)
            numbers[count++] = number;
    }

    // True if these were released since the last call, in this order, and nothing else.
    template <class... Number>
    static bool is(Number... expected) noexcept
    {
        const int wanted[] = {expected..., 0}; // no array is empty
        bool same = count == sizeof...(expected);
        for (int i = 0; same && i != count; ++i)
            same = numbers[i] == wanted[i];
        count = 0;
        return same;
    }
};

// A raw resource. What is released by `release_other` leaves its number plus 100.
struct item {
    int number;

    static void release(devres::devres_head*, void* res) { trace::add(static_cast<item*>(res)->number); }
    static void release_other(devres::devres_head*, void* res)
    {
        trace::add(static_cast<item*>(res)->number + 100);
    }
    static bool has_number(devres::devres_head*, void* res, void* wanted)
    {
        return static_cast<item*>(res)->number == *static_cast<int*>(wanted);
    }
    static bool never(devres::devres_head*, void*, void*) { return false; }
};

struct node_item : devres::devres_node {
    explicit node_item(int n) noexcept : number(n) { devres_node_init(this, &release, "node item"); }
    int number;
    static void release(devres::devres_head*, devres::devres_node* node)
    {
        trace::add(static_cast<node_item*>(node)->number);
    }
};

// How many resources are on the list, markers of groups included; -1 if the two directions of its links do
// not agree.
inline int listed(devres::devres_head* head) noexcept
{
    using namespace devres::detail;
    const guard held(head, "listed");
    int count = 0;
    const resource* before = nullptr;
    for (const resource* res = list_of(head).oldest_locked(); res; res = list_of(head).newer_locked(res)) {
        if (list_of(head).older_locked(res) != before)
            return -1;
        before = res;
        ++count;
    }
    return list_of(head).newest_locked() == before ? count : -1;
}

struct owner {
    owner() noexcept : devres(&ops, &upstream) {}
    ~owner() { devres_drain(&devres); }

    static const char* name(devres::devres_head*) { return "bench-1"; }
    static constexpr devres::devres_owner_ops ops{"bench", &name};

    static item* make(int number, devres::dr_release_t release = &item::release) noexcept
    {
        auto* made = static_cast<item*>(devres_alloc(release, sizeof(item), devres::GFP_KERNEL, "item"));
        made->number = number;
        return made;
    }
    item* add(int number, devres::dr_release_t release = &item::release) noexcept
    {
        item* made = make(number, release);
        devres_add(&devres, made);
        return made;
    }
    int listed() noexcept { return freestanding::listed(&devres); }

    devres::detail::upstream upstream;
    devres::devres_head devres;
};

} // namespace freestanding
