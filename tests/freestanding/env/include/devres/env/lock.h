// SPDX-License-Identifier: MIT
//
// The locks without an operating system: spinlocks (src/env/env.h says what is asked of them).
#pragma once

#include <devres/detail/annotations.h>
#include <devres/env/spinlock.h>

namespace devres::detail {

class DEVRES_CAPABILITY head_lock {
public:
    struct token {};

    bool try_acquire(token*) noexcept { return spin_.try_lock(); }
    token acquire() noexcept
    {
        spin_.lock();
        return {};
    }
    void release(token) noexcept { spin_.unlock(); }

    // A spinlock has no quick way in that would let its holder in twice.
    void acquire_exclusive() noexcept { spin_.lock(); }
    void release_exclusive() noexcept { spin_.unlock(); }

private:
    freestanding::spinlock spin_;
};

// For short sections of anything but a head. The list has none; src/memory has.
class DEVRES_CAPABILITY lock {
public:
    void acquire() noexcept DEVRES_ACQUIRE() { spin_.lock(); }
    void release() noexcept DEVRES_RELEASE() { spin_.unlock(); }

private:
    freestanding::spinlock spin_;
};

} // namespace devres::detail
