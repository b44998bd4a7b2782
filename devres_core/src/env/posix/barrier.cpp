// SPDX-License-Identifier: MIT
//
// heavy_barrier() on Linux: membarrier(2), and what takes its place when that begins to fail (V13).
//
// Readers and owners of biased locks do not fence once the library has registered for membarrier, and cannot
// be told to begin again: so a barrier that fails later, because a sandbox was put on, has to be replaced by
// another one. Each of these makes every thread of the process that is running pass a full barrier before it
// returns:
//
// 1. membarrier, expedited. Registered again and repeated if it fails.
// 2. membarrier, global: waits until every processor has been through the scheduler. Needs no registration.
// 3. Visiting every processor: a thread that runs on a processor has taken it from whoever ran there, and the
//    scheduler's switch is a full barrier. What was moved to another processor meanwhile has been switched,
//    too.
// 4. mprotect, on x86: to take a right away from a page that was just written, the kernel interrupts every
//    processor that runs a thread of the process. Not where the processor can do that without an interrupt
//    (INVLPGB).
//
// If all of them fail the library says so and aborts: to go on would be to free memory under a reader.

#include <devres/detail/report.h>
#include <devres/env/barrier.h>
#include <devres/env/lock.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "env/posix/module.h"

namespace devres::detail {

namespace {

constinit std::atomic<bool> registered{false};
constinit std::atomic<std::size_t> barriers{0};

bool membarrier(int command) noexcept
{
    return ::syscall(SYS_membarrier, command, 0, 0) == 0;
}

bool register_membarrier() noexcept
{
    return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

bool expedited() noexcept
{
    if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) [[likely]]
        return true;
    constexpr int attempts = 3;
    for (int i = 0; i < attempts; ++i)
        if (register_membarrier() && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
            return true;
    return false;
}

// A processor that this thread may not use cannot run another thread of the process, unless that was confined
// by hand to processors of its own.
bool visit_every_processor() noexcept
{
    cpu_set_t before;
    if (::sched_getaffinity(0, sizeof before, &before) != 0)
        return false;
    const long configured = ::sysconf(_SC_NPROCESSORS_CONF);
    if (configured < 1 || configured > CPU_SETSIZE)
        return false;
    bool visited = false;
    for (int cpu = 0; cpu < static_cast<int>(configured); ++cpu) {
        cpu_set_t only;
        CPU_ZERO(&only);
        CPU_SET(static_cast<unsigned>(cpu), &only);
        if (::sched_setaffinity(0, sizeof only, &only) == 0)
            visited = true;
        else if (errno != EINVAL) // EINVAL: not there, or not for this thread
            return false;
    }
    static_cast<void>(::sched_setaffinity(0, sizeof before, &before));
    return visited;
}

#if defined(__x86_64__) || defined(__i386__)

bool flushes_without_interrupt() noexcept
{
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    constexpr unsigned invlpgb = 1u << 3;
    return __get_cpuid(0x80000008u, &eax, &ebx, &ecx, &edx) != 0 && (ebx & invlpgb) != 0;
}

bool take_a_page_away() noexcept
{
    if (flushes_without_interrupt())
        return false;
    const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return false;
    *static_cast<volatile char*>(page) = 1;
    const bool done = ::mprotect(page, size, PROT_READ) == 0;
    ::munmap(page, size);
    return done;
}

#else

bool take_a_page_away() noexcept
{
    return false;
}

#endif

void make_everybody_pass() noexcept
{
    if (expedited()) [[likely]]
        return;
    if (membarrier(MEMBARRIER_CMD_GLOBAL) || visit_every_processor() || take_a_page_away())
        return;
    bug("heavy_barrier", nullptr,
        "membarrier(2) fails since a sandbox was put on, and so do sched_setaffinity and mprotect, which "
        "could take "
        "its place; allow one of them, or set DEVRES_NO_MEMBARRIER=1 before the library is loaded");
}

// Registering takes milliseconds once threads run, so it is done when the library is loaded. The switch
// itself is harmless at any time: who still fences is only slower. Other parts of the library that fence
// until then ask have_membarrier() in constructors of a later priority.
[[gnu::constructor(101)]] void choose_barrier() noexcept
{
    join_process();
    const char* no = std::getenv("DEVRES_NO_MEMBARRIER");
    if (no && std::strcmp(no, "0") != 0)
        return;
    if (register_membarrier()) {
        registered.store(true, std::memory_order_relaxed);
        parking_lot.sleepers.fetch_and(~park::fenced, std::memory_order_relaxed);
        ::pthread_atfork(nullptr, nullptr, [] { register_membarrier(); });
    }
}

} // namespace

bool have_membarrier() noexcept
{
    return registered.load(std::memory_order_relaxed);
}

std::size_t heavy_barrier_count() noexcept
{
    return barriers.load(std::memory_order_relaxed);
}

void heavy_barrier() noexcept
{
    barriers.fetch_add(1, std::memory_order_relaxed);
    full_fence();
    if (have_membarrier())
        make_everybody_pass();
    full_fence();
}

} // namespace devres::detail
