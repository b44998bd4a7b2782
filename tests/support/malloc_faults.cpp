// SPDX-License-Identifier: MIT

#include "support/malloc_faults.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <new>

// glibc's own, under the names that it keeps for a program with a malloc of its own.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t n, std::size_t size);
void* __libc_realloc(void* p, std::size_t size);
void* __libc_memalign(std::size_t align, std::size_t size);
void __libc_free(void* p);
}

namespace devres::test::mallocs {
namespace {

constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

constinit thread_local std::size_t next = 0;
constinit thread_local std::size_t first_failing = never;
constinit thread_local std::size_t last_failing = 0;
constinit thread_local std::size_t failures = 0;
constinit std::atomic<long> live{0};

bool fails() noexcept
{
    if (first_failing == never)
        return false;
    const std::size_t number = next++;
    if (number < first_failing || number > last_failing)
        return false;
    ++failures;
    errno = ENOMEM;
    return true;
}

void* counted(void* p) noexcept
{
    if (p)
        live.fetch_add(1, std::memory_order_relaxed);
    return p;
}

void set(std::size_t first, std::size_t last) noexcept
{
    next = failures = 0;
    first_failing = first;
    last_failing = last;
}

} // namespace

void fail_once(std::size_t nth) noexcept
{
    set(nth, nth);
}
void fail_from(std::size_t nth) noexcept
{
    set(nth, never);
}
std::size_t fail_no_more() noexcept
{
    first_failing = never;
    return failures;
}
long live_blocks() noexcept
{
    return live.load(std::memory_order_relaxed);
}

} // namespace devres::test::mallocs

using namespace devres::test::mallocs;

extern "C" {

void* malloc(std::size_t size)
{
    return fails() ? nullptr : counted(__libc_malloc(size));
}
void* calloc(std::size_t n, std::size_t size)
{
    return fails() ? nullptr : counted(__libc_calloc(n, size));
}
void* realloc(void* p, std::size_t size)
{
    if (fails())
        return nullptr;
    void* moved = __libc_realloc(p, size);
    return p ? moved : counted(moved);
}
void* memalign(std::size_t align, std::size_t size)
{
    return fails() ? nullptr : counted(__libc_memalign(align, size));
}
void* aligned_alloc(std::size_t align, std::size_t size)
{
    return memalign(align, size);
}
int posix_memalign(void** p, std::size_t align, std::size_t size)
{
    void* made = memalign(align, size);
    if (!made)
        return ENOMEM;
    *p = made;
    return 0;
}
void free(void* p)
{
    if (p)
        live.fetch_sub(1, std::memory_order_relaxed);
    __libc_free(p);
}

} // extern "C"

void* operator new(std::size_t size)
{
    return counted(__libc_malloc(size ? size : 1));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept
{
    return malloc(size ? size : 1);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept
{
    return malloc(size ? size : 1);
}
void operator delete(void* p) noexcept
{
    free(p);
}
void operator delete(void* p, std::size_t) noexcept
{
    free(p);
}
void operator delete(void* p, const std::nothrow_t&) noexcept
{
    free(p);
}
