// SPDX-License-Identifier: MIT

#include "env/posix/origins.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>
#include <time.h> // NOLINT(modernize-deprecated-headers): clock_gettime
#if __has_include(<execinfo.h>)
#include <execinfo.h>
#endif

#include "env/env.h"
#include "env/posix/process_lock.h"
#include "env/posix/source_line.h"
#include "env/posix/symbol.h"

namespace devres::detail {

namespace {

struct entry {
    entry* next;
    const void* resource;
    const void* code;
    std::uint64_t attached; // milliseconds
};

// A resource is freed without an event only if its owner is cut off (C12): its entry is then taken over by
// what is next attached at that address.
class origin_table {
public:
    // Returns: the entry that is not needed, for the caller to free, or null.
    entry* put(entry* fresh) noexcept
    {
        const scoped_lock held(process_lock);
        entry*& bucket = bucket_of_locked(fresh->resource);
        for (entry* e = bucket; e; e = e->next)
            if (e->resource == fresh->resource) {
                e->code = fresh->code;
                e->attached = fresh->attached;
                return fresh;
            }
        fresh->next = bucket;
        bucket = fresh;
        return nullptr;
    }
    // Returns: the entry, for the caller to free, or null.
    entry* take(const void* resource) noexcept
    {
        const scoped_lock held(process_lock);
        for (entry** at = &bucket_of_locked(resource); *at; at = &(*at)->next)
            if ((*at)->resource == resource) {
                entry* found = *at;
                *at = found->next;
                return found;
            }
        return nullptr;
    }
    bool find(const void* resource, entry* out) noexcept
    {
        const scoped_lock held(process_lock);
        for (const entry* e = bucket_of_locked(resource); e; e = e->next)
            if (e->resource == resource) {
                *out = *e;
                return true;
            }
        return false;
    }

private:
    static constexpr std::size_t size = 16 * 1024;
    entry*& bucket_of_locked(const void* resource) noexcept DEVRES_REQUIRES(process_lock)
    {
        const auto address = reinterpret_cast<std::uintptr_t>(resource);
        return buckets_[(address >> 4 ^ address >> 16) % size];
    }

    entry* buckets_[size] DEVRES_GUARDED_BY(process_lock) = {};
};

constinit origin_table table;

std::uint64_t now() noexcept
{
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1000 + static_cast<std::uint64_t>(t.tv_nsec) / 1'000'000;
}

// True if the function's name is in this library's namespace: what comes after a template's result type, and
// before the parameters.
bool is_ours(const char* name) noexcept
{
    const char* end = std::strpbrk(name, "(<");
    if (std::strncmp(name, "devres::", 8) == 0)
        return true;
    const char* ours = std::strstr(name, " devres::");
    return ours && (!end || ours < end);
}

const void* innermost_caller() noexcept
{
#if __has_include(<execinfo.h>)
    void* frames[32];
    const int count = ::backtrace(frames, 32);
    for (int i = 1; i < count; ++i) {
        const char* call = static_cast<const char*>(frames[i]) - 1; // inside the calling instruction
        char name[256];
        if (!symbol_of(call, name, sizeof name, place_in_function::inside) || !is_ours(name))
            return call;
    }
#endif
    return nullptr;
}

void describe_place(const void* code, char* text, std::size_t bytes) noexcept
{
    char name[256];
    Dl_info module{};
    const bool has_name = symbol_of(code, name, sizeof name, place_in_function::inside);
    if (!has_name || !::dladdr(code, &module) || !module.dli_fname) {
        std::snprintf(text, bytes, "%s", name);
        return;
    }
    const char* slash = std::strrchr(module.dli_fname, '/');
    const auto offset =
        reinterpret_cast<std::uintptr_t>(code) - reinterpret_cast<std::uintptr_t>(module.dli_fbase);
    char place[256];
    const bool has_line = source_line_of(code, place, sizeof place);
    std::snprintf(text, bytes, "%s%s%s (%s+0x%zx)", name, has_line ? " at " : "", place,
                  slash ? slash + 1 : module.dli_fname, static_cast<std::size_t>(offset));
}

[[gnu::constructor]] void listen_if_told() noexcept
{
    const char* value = std::getenv("DEVRES_ORIGINS");
    if (value && *value && std::strcmp(value, "0") != 0)
        event_listeners.fetch_or(origins_listen, std::memory_order_release);
}

} // namespace

void note_origin(const void* resource) noexcept
{
    if (auto* fresh = static_cast<entry*>(std::malloc(sizeof(entry)))) {
        *fresh = {nullptr, resource, innermost_caller(), now()};
        std::free(table.put(fresh));
    }
}

void forget_origin(const void* resource) noexcept
{
    std::free(table.take(resource));
}

bool origin_of(const void* resource, origin* out) noexcept
{
    entry found;
    if (!(event_listeners.load(std::memory_order_relaxed) & origins_listen) ||
        !table.find(resource, &found) || !found.code)
        return false;
    out->milliseconds = now() - found.attached;
    describe_place(found.code, out->where, sizeof out->where);
    return true;
}

} // namespace devres::detail
