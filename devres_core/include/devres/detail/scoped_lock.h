// SPDX-License-Identifier: MIT
//
// Holds a lock of the environment to the end of the scope.
#pragma once

#include <devres/detail/annotations.h>
#include <devres/env/lock.h>

namespace devres::detail {

template <class Lock>
class DEVRES_SCOPED_CAPABILITY [[nodiscard]] scoped_lock {
public:
    explicit scoped_lock(Lock& l) noexcept DEVRES_ACQUIRE(l) : lock_(l) { lock_.acquire(); }
    ~scoped_lock() DEVRES_RELEASE() { lock_.release(); }
    scoped_lock(const scoped_lock&) = delete;
    scoped_lock& operator=(const scoped_lock&) = delete;

private:
    Lock& lock_;
};

} // namespace devres::detail
