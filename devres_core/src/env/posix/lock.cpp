// SPDX-License-Identifier: MIT

#include <devres/env/lock.h>

#include <pthread.h>

#include "env/posix/futex.h"

namespace devres::detail {

constinit thread_local char thread_anchor = 0;
constinit thread_local unsigned lone_locks = 0;
constinit thread_local int release_depth = 0;
constinit unsigned forks = 0;
constinit std::atomic<unsigned> early_ends{0};
constinit park::lot parking_lot{{park::fenced}, {}};

void real_lock_sync::sleep(word& on, std::uint32_t expected) noexcept
{
    futex_wait(on, expected);
}

bool park_while(park::word& word, std::uint32_t value, wait_clock& clock) noexcept
{
    bool due = false;
    park::sleep_by(
        parking_lot, word, [&] { return due || word.load(std::memory_order_acquire) != value; },
        [&] { due = futex_wait(word, value, clock); });
    return due;
}

void real_lock_sync::wake(word& changed, int how_many) noexcept
{
    futex_wake(changed, how_many);
}

namespace {

// The parent's sleepers are not in the child.
void forget_sleepers() noexcept
{
    ++forks;
    parking_lot.sleepers.fetch_and(park::fenced, std::memory_order_relaxed);
    for (park::word& lane : parking_lot.lanes)
        lane.store(0, std::memory_order_relaxed);
}

[[gnu::constructor(101)]] void set_up() noexcept
{
    ::pthread_atfork(nullptr, nullptr, &forget_sleepers);
}

} // namespace

template class basic_lock<real_lock_sync>;
template class basic_biased_lock<real_lock_sync>;

} // namespace devres::detail
