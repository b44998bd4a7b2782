// SPDX-License-Identifier: MIT

#include <devres/detail/barrier.h>
#include <devres/detail/lock.h>
#include <devres/detail/revocation.h>

#include <cstdlib>
#include <cstring>

#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "counters.h"

namespace devres::detail {

namespace {

constinit std::atomic<bool> registered{false};

bool register_membarrier() noexcept
{
    return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

// Registering takes milliseconds once threads run, so it is done when the library is loaded. The switch itself is
// harmless at any time: who still fences is only slower.
[[gnu::constructor(101)]] void choose_barrier() noexcept
{
    const char* no = std::getenv("DEVRES_NO_MEMBARRIER");
    if (no && std::strcmp(no, "0") != 0)
        return;
    if (register_membarrier()) {
        registered.store(true, std::memory_order_relaxed);
        reader_announcements.revokers.fetch_and(~revoke::leave_fenced, std::memory_order_relaxed);
        parking_lot.sleepers.fetch_and(~park::fenced, std::memory_order_relaxed);
        ::pthread_atfork(nullptr, nullptr, [] { register_membarrier(); });
    }
}

} // namespace

bool have_membarrier() noexcept
{
    return registered.load(std::memory_order_relaxed);
}

void heavy_barrier() noexcept
{
    heavy_barriers.fetch_add(1, std::memory_order_relaxed);
    full_fence();
    if (have_membarrier() && ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0)
        std::abort(); // registered, so it cannot fail; going on without it would corrupt memory
    full_fence();
}

} // namespace devres::detail
