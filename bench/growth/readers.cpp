// SPDX-License-Identifier: MIT
//
// Growth with the threads that have read, and with the guards that a thread holds.
#include "growth/case.h"

#include "access/ours.h"
#include "readers/crowd.h"

#include <functional>
#include <memory>
#include <vector>

#include <pthread.h>

using namespace devres;

namespace bench::growth {

namespace {

using guard = revocable<payload>::guard;

template <class Subject>
void read_once(Subject& subject)
{
    typename Subject::reader reader(subject);
    require(subject.with(reader, [](const payload& p) { require(p.read() == 1); }));
}

// Threads that have read stay to the end of the process, so their number only grows, over all cases.
void let_threads_read(std::size_t n)
{
    static auto* read = new revocable_access;
    static std::vector<std::unique_ptr<crowd>>* all = nullptr;
    static std::size_t so_far = 0;
    if (!all) {
        read_once(*read); // the main thread is the first
        all = new std::vector<std::unique_ptr<crowd>>;
    }
    if (so_far < n) {
        all->push_back(std::make_unique<crowd>(n - so_far, [] { read_once(*read); }));
        require(all->back()->size() == n - so_far);
        so_far = n;
    }
}

void run_thread(std::function<void()> f)
{
    pthread_t thread;
    require(pthread_create(
                &thread, nullptr,
                [](void* to_do) -> void* {
                    (*static_cast<std::function<void()>*>(to_do))();
                    return nullptr;
                },
                &f) == 0);
    require(pthread_join(thread, nullptr) == 0);
}

// --- Operations --------------------------------------------------------------------------------------------

void in_order(counting& count)
{
    revocable_access subject;
    count(2 * repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i) {
            const guard first = subject.object.try_access();
            const guard second = subject.object.try_access();
            require(first && second);
        }
    });
}

void out_of_order(counting& count)
{
    revocable_access subject;
    count(2 * repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i) {
            guard first = subject.object.try_access();
            const guard second = subject.object.try_access();
            require(first && second);
            first = guard();
        }
    });
}

void detached(counting& count)
{
    revocable_access subject;
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i) {
            const guard moved = subject.object.try_access().detach();
            require(static_cast<bool>(moved));
        }
    });
}

void first_guard(counting& count)
{
    revocable_access subject;
    // All of them live while the last one reads, so none takes over the record of another.
    auto* waiting = new crowd(8, [&] { count(1, [&] { read_once(subject); }); });
    require(waiting->size() == 8);
}

void first_guard_after_others_ended(counting& count)
{
    revocable_access subject;
    run_thread([&] { read_once(subject); });
    for (int i = 0; i < 8; ++i)
        run_thread([&] { count(1, [&] { read_once(subject); }); });
}

template <class Subject>
void revoke(counting& count)
{
    for (int i = 0; i < 10; ++i) {
        Subject subject;
        count(1, [&] { subject.revoke(); });
    }
}

void revoke_nowait(counting& count)
{
    for (int i = 0; i < 10; ++i) {
        revocable_access subject;
        count(1, [&] { require(subject.object.revoke(nowait)); });
    }
}

// --- Guards that this thread holds -------------------------------------------------------------------------

std::vector<guard> hold(revocable_access& subject, std::size_t n)
{
    std::vector<guard> held(n);
    for (guard& one : held)
        one = subject.object.try_access();
    return held;
}

void another(std::size_t n, counting& count)
{
    revocable_access subject;
    const std::vector<guard> held = hold(subject, n);
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            read_once(subject);
    });
}

void end_newest_first(std::size_t n, counting& count)
{
    revocable_access subject;
    std::vector<guard> held = hold(subject, n);
    count(n, [&] {
        while (!held.empty())
            held.pop_back();
    });
}

void end_oldest_first(std::size_t n, counting& count)
{
    revocable_access subject;
    std::vector<guard> held = hold(subject, n);
    count(n, [&] {
        for (guard& one : held)
            one = guard();
    });
}

// --- The table ---------------------------------------------------------------------------------------------

void add(const char* operation, int allowed, void (*run)(counting& count))
{
    add_case({"readers",
              operation,
              "threads that have read",
              allowed,
              {10, 100, 1000},
              [=](std::size_t n, counting& count) {
                  let_threads_read(n);
                  run(count);
              }});
}

void add_held(const char* operation, int allowed, void (*run)(std::size_t n, counting& count))
{
    add_case({"guards", operation, "guards held", allowed, {10, 100, 1000}, run});
}

const bool registered = [] {
    add("a guard, ended in order", constant, in_order);
    add("a guard, ended out of order", constant, out_of_order);
    add("a guard, detached", constant, detached);
    add("a thread's first guard", constant, first_guard);
    add("a thread's first guard, another thread having ended", constant, first_guard_after_others_ended);
    add("revocable::revoke", through, revoke<revocable_access>);
    add("revocable::revoke(nowait)", through, revoke_nowait);
    add("devres_ptr::revoke", through, revoke<devres_ptr_access>);
    add("device_release_driver", through, revoke<unbind_access>);
    add("drm_dev_unplug", through, revoke<drm_enter_access>);
    add_held("another guard", constant, another);
    add_held("guards ended newest first, each", constant, end_newest_first);
    add_held("guards ended oldest first, each", constant, end_oldest_first);
    return true;
}();

} // namespace

} // namespace bench::growth
