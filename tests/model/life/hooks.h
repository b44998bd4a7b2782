// SPDX-License-Identifier: MIT
//
// What the library's own sources, compiled for the model of a resource's life, do where they meet other
// threads. life_model.cpp answers with relacy; nothing else here knows it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace model::life {

// What a control leaves out.
enum class fault {
    none,
    no_head_lock,   // lists are not locked
    no_handle_lock, // nor what a handle and the list share
    lost_abandoned, // a pass does not say that it has come to what is being constructed
    lost_cancelled, // who fails to construct does not say so to the pass that has the resource
    no_wake,        // nobody is woken who waits for other passes
    blind_change,   // who ends an owner dismisses a pass that has just stopped waiting, in order to report
};
extern fault planted;

// Other threads may go on here. `touched` is what the caller is about to look at or to change: it fails if
// that lies in memory that has been freed.
void step(const void* touched) noexcept;
[[noreturn]] void fail(const char* why) noexcept;

const void* this_thread() noexcept;
bool toss() noexcept; // true or false: the model tries both

enum class of : bool { head, handle };
void acquire(const void* lock, of whose) noexcept;
void release(const void* lock, of whose) noexcept;

// A monitor: who waits goes on after wake_waiters(), and has to look again.
void enter() noexcept;
void wait() noexcept; // inside
void leave() noexcept;
void wake_waiters() noexcept; // outside

// Memory. What is freed is never used again in the same schedule.
void* take_bytes(std::size_t bytes) noexcept;
void free_bytes(void* memory, std::size_t bytes) noexcept;
// Memory that no allocator gave: that of the owner.
void lives(const void* memory, std::size_t bytes) noexcept;
void has_ended(const void* memory) noexcept;
int blocks_alive() noexcept;

// --- Scenarios ---

struct scenario {
    const char* name;
    int threads;
    void (*before)();
    void (*thread)(int which);
    void (*after)();
};
extern const scenario scenarios[];
extern const int scenario_count;

} // namespace model::life
