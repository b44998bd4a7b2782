// SPDX-License-Identifier: MIT
//
// What a thread knows of itself: its identity, whether the library is calling back on it, and in which
// process it is.
//
// Thread safety: each object is its own thread's; fork_generation() is for any. Cost: one instruction for
//                this_thread(), two for a scope.
#pragma once

namespace devres::detail {

extern constinit thread_local char thread_anchor __attribute__((tls_model("initial-exec")));

// The calling thread as an address, which is that of no other thread that is alive.
inline const void* this_thread() noexcept
{
    return &thread_anchor;
}

extern constinit thread_local int release_depth __attribute__((tls_model("initial-exec")));

extern constinit unsigned forks; // written where there is one thread alone, in the child of a fork

// Another number in the child of a fork, where the other threads are not, nor what lay on their stacks.
inline unsigned fork_generation() noexcept
{
    return forks;
}

// While one lives on a thread, the library is running a release callback or a destructor there. A revoke that
// lost the race returns at once then, instead of waiting for a sibling (V1, V6).
class release_scope {
public:
    release_scope() noexcept { ++release_depth; }
    ~release_scope() { --release_depth; }
    release_scope(const release_scope&) = delete;
    release_scope& operator=(const release_scope&) = delete;
    static bool active() noexcept { return release_depth != 0; }
};

} // namespace devres::detail
