// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
//
// What the mechanism asks of its surroundings (env/env.h), answered by Linux.

#include "env/env.h"

#include <cstdarg>

#include "list/memory.h"

namespace devres {

namespace detail {

// --- Memory ------------------------------------------------------------------------------------------------

// kmalloc aligns to 8 at least, and to a power of two if the size is one. Nothing of the core needs more than
// 8 there: SSE is not used. Larger alignments are asked for with a size that is a multiple of them.
void* env_allocate(upstream*, std::size_t bytes, std::size_t, const allocation_request& request) noexcept
{
    return devres_host_alloc(bytes, request.gfp, request.node,
                             reinterpret_cast<unsigned long>(request.caller));
}

void env_free(upstream*, void* memory, std::size_t, std::size_t) noexcept
{
    devres_host_free(memory);
}

// --- Sleeping ----------------------------------------------------------------------------------------------

namespace {

// SAFETY: an atomic of 32 bits is 32 bits.
const unsigned* raw(const std::atomic<std::uint32_t>& word) noexcept
{
    static_assert(sizeof(word) == sizeof(unsigned) && std::atomic<std::uint32_t>::is_always_lock_free);
    return reinterpret_cast<const unsigned*>(&word);
}

} // namespace

bool env_wait(const std::atomic<std::uint32_t>& word, std::uint32_t value, wait_clock& clock) noexcept
{
    if (devres_host_wait(raw(word), value, clock.milliseconds_left()))
        return false;
    clock.expire();
    return true;
}

void env_wake(const std::atomic<std::uint32_t>& word) noexcept
{
    devres_host_wake(raw(word));
}

// --- Reports -----------------------------------------------------------------------------------------------

namespace {

::devres_head* c_head(devres_head* head) noexcept
{
    return reinterpret_cast<::devres_head*>(head); // SAFETY: one object
}

const ::devres_owner_ops* ops_of(devres_head* head) noexcept
{
    return head ? upstream_of(head) : nullptr;
}

[[gnu::format(printf, 4, 5)]] void report(const char* function, devres_head* owner, const description& res,
                                          const char* format, ...) noexcept
{
    const devres_named named{res.kind, res.name, res.code};
    std::va_list args;
    va_start(args, format);
    devres_host_warn(c_head(owner), ops_of(owner), function, &named, format, &args);
    va_end(args);
}

} // namespace

void warn(const char* function, devres_head* owner, const description& res, const char* format, ...) noexcept
{
    const devres_named named{res.kind, res.name, res.code};
    std::va_list args;
    va_start(args, format);
    devres_host_warn(c_head(owner), ops_of(owner), function, &named, format, &args);
    va_end(args);
}

void warn(const char* function, devres_head* owner, const char* format, ...) noexcept
{
    const devres_named named{nullptr, nullptr, nullptr};
    std::va_list args;
    va_start(args, format);
    devres_host_warn(c_head(owner), ops_of(owner), function, &named, format, &args);
    va_end(args);
}

void warn_of_many(const char* function, devres_head* owner, const description* res, std::size_t,
                  std::size_t count) noexcept
{
    report(function, owner, res[0], "%zu resources present that should not be; this is the newest", count);
}

void bug(const char* function, devres_head* owner, const description& res, const char* what) noexcept
{
    const devres_named named{res.kind, res.name, res.code};
    devres_host_bug(c_head(owner), ops_of(owner), function, &named, what);
}

void bug(const char* function, devres_head* owner, const char* what) noexcept
{
    bug(function, owner, {}, what);
}

// --- The log: what the owner's own debug messages, its tracepoint and the counts live on -------------------

#if defined(DEVRES_COUNTS)
extern constinit std::atomic<unsigned long> attaches, removals, releases;
std::atomic<unsigned long> attaches{0}, removals{0}, releases{0};
#endif

#if defined(DEVRES_LOGS) || defined(DEVRES_COUNTS)
constinit std::atomic<std::uintptr_t> event_listeners{1};
#else
constinit std::atomic<std::uintptr_t> event_listeners{0};
#endif

void log_event(const char* op, devres_head* head, const description& res) noexcept
{
#if defined(DEVRES_COUNTS)
    // ADD, REM and REL; a REPLACE leaves as many as there were, and the markers of groups are no resources.
    auto& count = op[2] == 'D' ? attaches : op[2] == 'M' ? removals : releases;
    if (op[2] != 'P' && res.kind[0] != 'g')
        count.fetch_add(1, std::memory_order_relaxed);
#endif
    ops_of(head)->log(c_head(head), op, nullptr, res.name ? res.name : res.kind, res.size);
}

} // namespace detail

const char* devres_owner_kind(const devres_head* head) noexcept
{
    return detail::upstream_of(head)->kind;
}

const char* devres_owner_name(devres_head* head) noexcept
{
    return detail::upstream_of(head)->name(detail::c_head(head));
}

} // namespace devres
