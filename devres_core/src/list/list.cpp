// SPDX-License-Identifier: MIT

#include "list/list.h"

#include "env/env.h"

namespace devres::detail {

head_lock::token guard::acquire_slowly(devres_head* head, const char* function) noexcept
{
    callback_guard::reject(head, function);
    return list_of(head).lock_.acquire();
}

// No analysis: the capability is the list, and taking its lock is what this constructor is for.
callback_guard::callback_guard(devres_head* head,
                               const char* function) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
    : list_(list_of(head))
{
    reject(head, function);
    list_.lock_.acquire_exclusive();
    list_.calling_back_.store(this_thread(), std::memory_order_relaxed);
}

callback_guard::~callback_guard() DEVRES_NO_THREAD_SAFETY_ANALYSIS // as above
{
    list_.calling_back_.store(nullptr, std::memory_order_relaxed);
    list_.lock_.release_exclusive();
}

// Only this thread itself stores its own identity there, so no other thread's store can be mistaken for it.
void callback_guard::reject(devres_head* head, const char* function) noexcept
{
    if (list_of(head).calling_back_.load(std::memory_order_relaxed) == this_thread())
        bug(function, head, {}, "called from a match or for_each callback of the same head");
}

} // namespace devres::detail
