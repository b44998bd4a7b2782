// SPDX-License-Identifier: MIT
//
// What the library's sources ask of their environment, as the model answers it.

#include "env/env.h"

#include <devres/devres.h>

#include "hooks.h"

namespace devres {
namespace detail {

constinit std::atomic<std::uintptr_t> event_listeners{0};

void* env_allocate(upstream*, std::size_t bytes, std::size_t, const allocation_request&) noexcept
{
    void* memory = model::life::take_bytes(bytes);
    std::memset(memory, 0, bytes);
    return memory;
}

void env_free(upstream*, void* memory, std::size_t bytes, std::size_t) noexcept
{
    model::life::free_bytes(memory, bytes);
}

bool env_wait(const std::atomic<std::uint32_t>& word, std::uint32_t value, wait_clock& clock) noexcept
{
    if (!clock.has_reported && model::life::toss()) {
        clock.has_reported = true;
        return true;
    }
    model::life::enter();
    while (word.load() == value)
        model::life::wait();
    model::life::leave();
    return false;
}

void env_wake(const std::atomic<std::uint32_t>&) noexcept
{
    if (model::life::planted != model::life::fault::no_wake)
        model::life::wake_waiters();
}

void warn(const char*, devres_head* owner, const description&, const char*, ...) noexcept
{
    model::life::step(owner); // a message names the owner
}
void warn(const char*, devres_head* owner, const char*, ...) noexcept
{
    model::life::step(owner);
}
void warn_of_many(const char*, devres_head*, const description*, std::size_t, std::size_t) noexcept {}
void bug(const char* function, devres_head*, const description&, const char* what) noexcept
{
    std::printf("%s: %s\n", function, what);
    model::life::fail("BUG");
}
void bug(const char* function, devres_head* owner, const char* what) noexcept
{
    bug(function, owner, {}, what);
}
void log_event(const char*, devres_head*, const description&) noexcept {}

} // namespace detail
} // namespace devres
