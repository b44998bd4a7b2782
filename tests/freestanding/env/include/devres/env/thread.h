// SPDX-License-Identifier: MIT
//
// The identity of a thread without an operating system: there is one thread, which can take the part of
// another one for as long as a scope lasts.
#pragma once

namespace freestanding {

inline constinit const char first_thread = 0;
inline constinit const void* running_thread = &first_thread;

// What runs while one lives is another thread's, as far as the mechanism can see.
class as_another_thread {
public:
    as_another_thread() noexcept : before_(running_thread) { running_thread = this; }
    ~as_another_thread() { running_thread = before_; }
    as_another_thread(const as_another_thread&) = delete;
    as_another_thread& operator=(const as_another_thread&) = delete;

private:
    const void* const before_;
};

} // namespace freestanding

namespace devres::detail {

inline const void* this_thread() noexcept
{
    return freestanding::running_thread;
}

// Nothing here asks whether a thread is inside a release callback: revocation does, and is not built here.
class release_scope {
public:
    release_scope() noexcept {} // NOLINT(modernize-use-equals-default): so that an unused one is no warning
};

} // namespace devres::detail
