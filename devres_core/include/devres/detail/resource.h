// SPDX-License-Identifier: MIT
//
// The header in front of every resource on a head: 32 bytes on 64-bit, whatever the resource is.
//
//   offset  size
//        0     8   next       towards newer resources
//        8     8   prev       towards older ones
//       16     8   ops        what kind it is and how it is released (static, shared by all of its kind)
//       24     4   size       payload bytes; for actions and large blocks a hint into the index instead
//       28     4   state      life, place, slot class and epoch (see src/state.h)
//
// What only some resources need (the release function of devres_alloc, the size of a large block) sits
// in front of the header, what the resource itself is (an action and its data, an object) behind it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace devres {

struct devres_head;

namespace detail {

struct links {
    links* next;
    links* prev;
};

enum class resource_kind : std::uint8_t { raw, node, memory, action, object, callable, group, group_end };

struct resource;

struct resource_ops {
    resource_kind kind;
    // Runs the resource's own code, with no lock held; null if it has none. Never throws.
    void (*release)(devres_head* head, resource* res);
    const char* name; // for messages; null if the resource itself knows better
};

// A callable is dropped in two ways: its release calls and destroys it, cancel() only destroys it.
struct callable_ops : resource_ops {
    void (*drop)(devres_head* head, resource* res); // null: nothing to do
};

struct resource : links {
    const resource_ops* ops;
    std::uint32_t size;
    std::atomic<std::uint32_t> state;

    void* payload() noexcept { return this + 1; }
    // SAFETY: a payload always stands right behind its header.
    static resource* of(void* payload) noexcept { return static_cast<resource*>(payload) - 1; }
};

static_assert(sizeof(void*) != 8 || sizeof(resource) == 32, "the header is the cost of every resource");

// What an action keeps as its payload. The function is stored as void(*)() and called only through its
// own type, by the typed thunk in `ops`.
struct action_payload {
    void (*fn)();
    void* data;
};

} // namespace detail
} // namespace devres
