// SPDX-License-Identifier: MIT
//
// The reference count of a device and of a drm_device.
//
// The last put does not take the count to zero: it keeps a reference of its own until the end is over. So a
// release callback that gets and puts the ending owner does no harm, and cannot start the end a second time.
//
// | state  | count | what may happen to it                                                             |
// |--------|-------|-----------------------------------------------------------------------------------|
// | unused | 0     | begin() makes it live with one reference                                          |
// | live   | >= 1  | get() and put(); the put of the last reference makes it ending and returns true   |
// | ending | >= 1  | get() and put() in pairs; finish() makes it ended, or is a BUG if others hold one |
// | ended  | >= 0  | get() and put() in pairs; begin() makes it live again                             |
//
// Thread safety: every function may be called by any thread at any time.
#pragma once

#include <atomic>
#include <cstdint>

#include <devres/detail/report.h>

namespace devres::detail {

class references {
public:
    explicit constexpr references(std::uint32_t count) noexcept : state_(count) {}
    references(const references&) = delete;
    references& operator=(const references&) = delete;

    void get() noexcept { state_.fetch_add(1, std::memory_order_relaxed); }

    // For somebody who holds none, but knows that the object is there until its end is over.
    // Returns: false if it is ending, or was never begun.
    [[nodiscard]] bool get_if_live() noexcept
    {
        std::uint32_t now = state_.load(std::memory_order_relaxed);
        do
            if (now == 0 || (now & (ending | ended)) != 0)
                return false;
        while (!state_.compare_exchange_weak(now, now + 1, std::memory_order_relaxed));
        return true;
    }

    // Drops one reference. One that nobody holds: BUG.
    // Returns: true for the put of the last one; the caller must then end `owner` and call finish().
    [[nodiscard]] bool put(const char* function, devres_head* owner) noexcept
    {
        std::uint32_t now = state_.load(std::memory_order_relaxed);
        for (;;) {
            if (count(now) == 0 || now == (ending | 1))
                bug(function, owner, "put more often than got");
            const bool last = now == 1;
            if (state_.compare_exchange_weak(now, last ? ending | 1 : now - 1, std::memory_order_acq_rel,
                                             std::memory_order_relaxed))
                return last;
        }
    }

    // Everything is released. A reference that is still held: BUG.
    void require_last(const char* function, devres_head* owner) const noexcept
    {
        if (state_.load(std::memory_order_acquire) != (ending | 1))
            bug(function, owner, "a reference is still held after the last put has released everything");
    }
    // The end is over: another life may begin. As require_last().
    void finish(const char* function, devres_head* owner) noexcept
    {
        std::uint32_t own = ending | 1;
        while (!state_.compare_exchange_strong(own, ended, std::memory_order_acq_rel)) {
            require_last(function, owner);
            own = ending | 1; // somebody has put what he had got
        }
    }

    // One reference, the caller's. False if it is in use.
    [[nodiscard]] bool begin() noexcept
    {
        std::uint32_t now = state_.load(std::memory_order_relaxed);
        return (now == 0 || now == ended) &&
               state_.compare_exchange_strong(now, 1, std::memory_order_acq_rel);
    }

    std::uint32_t held() const noexcept { return count(state_.load(std::memory_order_acquire)); }
    bool is_ending() const noexcept { return (state_.load(std::memory_order_acquire) & ending) != 0; }
    bool is_over() const noexcept { return (state_.load(std::memory_order_acquire) & (ending | ended)) != 0; }
    bool has_ended() const noexcept { return (state_.load(std::memory_order_acquire) & ended) != 0; }

private:
    static constexpr std::uint32_t ending = 1u << 31;
    static constexpr std::uint32_t ended = 1u << 30;
    static constexpr std::uint32_t count(std::uint32_t state) noexcept { return state & ~(ending | ended); }

    std::atomic<std::uint32_t> state_;
};

} // namespace devres::detail
