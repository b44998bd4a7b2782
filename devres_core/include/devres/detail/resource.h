// SPDX-License-Identifier: MIT
//
// The header in front of every resource on a head: 32 bytes on 64-bit, whatever the resource is.
//
//   offset  size
//        0     8   next       towards newer resources
//        8     8   prev       towards older ones
//       16     8   ops        what kind it is and how it is released (static, shared by all of its kind)
//       24     4   size       payload bytes; for an action, whose payload is always an action_payload, and
//                             for a block of its own a hint into the index instead
//       28     4   state      its life, where its memory comes from, and its epoch (src/list/state.h)
//
// What only some resources need (the release function of devres_alloc, the exact size of a large block)
// stands in front of the header. The payload (an action and its data, an object) stands behind it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace devres {

struct devres_head;

namespace detail {

struct links {
    links() noexcept = default;
    links(links* n, links* p) noexcept : next(n), prev(p) {}
    links* next;
    links* prev;
};

// Markers of groups are the kinds from `group` on: they are on the list, but nobody counts them.
enum class resource_kind : std::uint8_t { raw, node, memory, action, object, callable, group, group_end };

struct resource;

struct resource_ops {
    resource_kind kind;
    // Runs the resource's own code, with no lock held; null if it has none. Never throws.
    void (*release)(devres_head* head, resource* res);
    const char* name; // for messages; null if the resource itself knows better
    // Called before memory is freed without a release (C12): afterwards nobody uses the payload, or what is
    // older on the head, any more. With no lock held; attaches nothing. Null if nobody did.
    void (*quiesce)(devres_head* head, resource* res) = nullptr;
};

// A callable ends in one of two ways: `release` calls and destroys it, `drop` only destroys it.
struct callable_ops : resource_ops {
    void (*drop)(devres_head* head, resource* res); // null: nothing to do
};

struct resource : links {
    // The links are left as they are: a list sets them.
    resource(const resource_ops* o, std::uint32_t bytes, std::uint32_t state_bits) noexcept
        : ops(o), size(bytes), state(state_bits)
    {
    }
    resource() noexcept : resource(nullptr, 0, 0) {}

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
