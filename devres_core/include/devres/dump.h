// SPDX-License-Identifier: MIT
//
// What owners have, as text for people or as JSON for programs.
//
// Nothing is kept for this: a dump walks the list under the head's lock, and gets names and writes
// afterwards. So it may be called at any time in a running process, for instance by a thread that reads
// SIGUSR1 from a signalfd; not in a signal handler.
//
// Thread safety: any thread, as long as the heads live; the owners of devres_dump_all() see to that.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <devres/owner.h>

namespace devres {

namespace detail {
struct listed_owners;
}

// Gets the text piece by piece; `context` is the caller's.
using devres_sink = void (*)(void* context, const char* text, std::size_t bytes);

enum class devres_format { text, json };

// Writes one owner: the totals, then its resources from the newest to the oldest, each with kind, name, size
// and how many groups it is in. JSON is one object on one line. With DEVRES_ORIGINS=1 (diagnostics.h)
// also how long ago and where each was attached.
// Locking:  takes the head's lock for the walk; `sink` is called without it, and may call back, but
//           not end the owner.
// Cost:     O(resources); allocates 48 bytes for each. Without memory it writes totals alone.
void devres_dump(devres_head* head, devres_sink sink, void* context,
                 devres_format = devres_format::text) noexcept;

// Writes it to a file descriptor, 2 for stderr.
void devres_dump(devres_head* head, int fd, devres_format = devres_format::text) noexcept;

template <managed_owner_ref R>
void devres_dump(const R& owner, devres_sink sink, void* context,
                 devres_format format = devres_format::text) noexcept
{
    devres_dump(detail::head_of(owner), sink, context, format);
}
template <managed_owner_ref R>
void devres_dump(const R& owner, int fd, devres_format format = devres_format::text) noexcept
{
    devres_dump(detail::head_of(owner), fd, format);
}

// Every listed owner of the process, oldest first: each device, each drm_device, and what else has a
// devres_listed. JSON is one array.
// Locking:  `sink` is called without a lock, and may call back. An owner waits, before it is destroyed, for
//           the dumps of it that are under way: so `sink` must not destroy one that any dump is telling of.
//           Owners that are listed meanwhile are left out.
void devres_dump_all(devres_sink sink, void* context, devres_format = devres_format::text) noexcept;
void devres_dump_all(int fd, devres_format = devres_format::text) noexcept;

// Lists an owner for devres_dump_all(): another thread may ask for its kind and name from then until end().
// A class of your own declares one as its last member, behind the head and whatever the head's name is read
// from; if its destructor changes any of that it calls end() first. Its objects must not be made in managed
// memory (A8) of an owner whose end may be cut off (C12): they are then freed without that destructor, and
// stay listed. So it is with any object that another thread works in.
class devres_listed {
public:
    devres_listed() noexcept = default; // lists nothing until begin()
    explicit devres_listed(devres_head* head) noexcept;
    ~devres_listed() { end(); }
    devres_listed(const devres_listed&) = delete;
    devres_listed& operator=(const devres_listed&) = delete;

    // Twice is harmless, for the same head.
    void begin(devres_head* head) noexcept;
    // Waits for a dump under way. Twice is harmless.
    void end() noexcept;

private:
    friend struct detail::listed_owners;

    devres_head* head_ = nullptr; // null: not listed
    devres_listed* older_ = nullptr;
    devres_listed* newer_ = nullptr;
    std::uint64_t number_ = 0;            // in the order in which they were listed
    std::atomic<std::uint32_t> dumps_{0}; // how many are at it; end() waits for them
};

} // namespace devres
