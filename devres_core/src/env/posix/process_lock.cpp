// SPDX-License-Identifier: MIT

#include "env/posix/process_lock.h"

#include <pthread.h>

namespace devres::detail {

constinit fork_safe_lock process_lock;

namespace {

void before_fork() noexcept DEVRES_ACQUIRE(process_lock)
{
    process_lock.begin_fork();
}

void after_fork() noexcept DEVRES_RELEASE(process_lock)
{
    process_lock.end_fork();
}

[[gnu::constructor(101)]] void set_up() noexcept
{
    ::pthread_atfork(&before_fork, &after_fork, &after_fork);
}

} // namespace
} // namespace devres::detail
