// SPDX-License-Identifier: MIT

#include <devres/env/wait_clock.h>

#include <atomic>
#include <cstdlib>
#include <ctime>

#include <devres/diagnostics.h>

namespace devres {
namespace detail {

namespace {

constexpr std::uint64_t nanoseconds_in_millisecond = 1'000'000;

constinit std::atomic<unsigned> limit{10'000};

std::uint64_t now() noexcept
{
    std::timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
}

[[gnu::constructor]] void choose_wait_warning() noexcept
{
    const char* value = std::getenv("DEVRES_WAIT_WARN_MS");
    if (!value)
        return;
    char* end = nullptr;
    const unsigned long chosen = std::strtoul(value, &end, 10);
    if (end != value && *end == '\0' && chosen <= 0xffffffffu)
        limit.store(static_cast<unsigned>(chosen), std::memory_order_relaxed);
}

} // namespace

std::uint64_t wait_clock::nanoseconds_left() noexcept
{
    if (!since_) {
        since_ = now();
        wait_ = limit.load(std::memory_order_relaxed) * nanoseconds_in_millisecond;
    }
    if (!wait_)
        return never;
    const std::uint64_t passed = now() - since_;
    return passed < wait_ ? wait_ - passed : 1;
}

bool wait_clock::is_due() noexcept
{
    if (!since_ || !wait_ || now() - since_ < wait_)
        return false;
    wait_ *= 2;
    return true;
}

unsigned long wait_clock::milliseconds() const noexcept
{
    return since_ ? static_cast<unsigned long>((now() - since_) / nanoseconds_in_millisecond) : 0;
}

} // namespace detail

unsigned devres_set_wait_warning(unsigned milliseconds) noexcept
{
    return detail::limit.exchange(milliseconds, std::memory_order_relaxed);
}

} // namespace devres
