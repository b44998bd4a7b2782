// SPDX-License-Identifier: MIT
//
// Fork, and what a process has one of: the list of owners, the names of functions, the log hook. What it
// means for readers is tested in revocation/process_test.cpp.
#include "core/core_test.h"
#include "support/child.h"
#include "support/environment.h"
#include "support/threads.h"

#include <atomic>
#include <thread>

#include <pthread.h>

#include <devres/dump.h>
#include <devres/managed.h>
#include <devres/posix.h>

#include "env/posix/process_lock.h"

using namespace devres;
using namespace devres::test;

namespace {

struct listed_owner : bench_owner {
    devres_listed listed{&devres};
};

void put_away(int*) {}
void ignore_event(const char*, devres_head*, const char*, const char*, std::size_t) {}
void ignore_text(void*, const char*, std::size_t) {}

// Uses all that the process has one of, on an owner of its own.
bool all_is_usable()
{
    listed_owner own;
    int data = 0;
    const devres_log_fn before = devres_set_log(&ignore_event); // which is told the action's name
    const int err = managed::add_action(&own, put_away, &data);
    devres_dump_all(&ignore_text, nullptr);
    devres_drain(&own.devres);
    devres_set_log(before);
    return err == 0;
}

// By another thread.
bool all_is_usable_elsewhere()
{
#if defined(DEVRES_TEST_TSAN)
    return true; // ThreadSanitizer lets the child of a process with threads start none
#endif
    bool right = false;
    std::thread([&] { right = all_is_usable(); }).join();
    return right;
}

// README.md of devres_core, fork: what another thread is just changing is whole in the child, and not
// locked.
TEST(DevresForkTest, AForkWaitsForWhatAnotherThreadIsChanging)
{
    const pid_t forks = gettid();
    doorway is_held;
    doorway may_end;
    std::thread other([&] {
        {
            const detail::scoped_lock held(detail::process_lock);
            is_held.open();
            await_asleep(forks); // in fork(), or else in waiting for a child that never ends
        }
        may_end.pass(); // what has ended in the child as well, ThreadSanitizer would have joined there
    });
    while (!is_held.is_open()) // awake
        std::this_thread::yield();
    EXPECT_TRUE(in_child([] { return all_is_usable() && all_is_usable_elsewhere(); }));
    may_end.open();
    other.join();
    EXPECT_TRUE(all_is_usable());
}

// README.md of devres_core, fork: the child has no managed thread to stop.
TEST(DevresForkTest, AChildThatEndsItsOwnerLeavesTheThreadsOfTheParentAlone)
{
    bench_owner own;
    doorway began;
    const devres_stop* asked = nullptr;
    ASSERT_EQ(0, managed::thread(&own, [&](const devres_stop& stop) {
                  asked = &stop;
                  began.open();
                  EXPECT_EQ(-ECANCELED, stop.wait_readable(stop.fd()));
              }));
    began.pass();
    EXPECT_TRUE(in_child([&] { return devres_drain(&own.devres) == 1; }));
    EXPECT_FALSE(asked->requested());
    EXPECT_EQ(1, devres_drain(&own.devres));
}

// What the program has registered with pthread_atfork() before any constructor ran, the library's too.
bool (*in_older_handlers)() = nullptr;
bool older_handlers_said = true;
void older_handler()
{
    if (in_older_handlers)
        older_handlers_said = in_older_handlers() && older_handlers_said;
}
void register_older_handlers(int, char**, char**)
{
    pthread_atfork(&older_handler, &older_handler, &older_handler);
}
[[gnu::section(".preinit_array"), gnu::used]] void (*before_constructors)(int, char**,
                                                                          char**) = &register_older_handlers;

// They run while the fork holds the library's lock.
TEST(DevresForkTest, HandlersThatAreOlderThanTheLibraryMayUseIt)
{
    EXPECT_TRUE(in_child([] { // a hang ends with its process
        in_older_handlers = &all_is_usable;
        return in_child([] { return older_handlers_said && all_is_usable(); }) && older_handlers_said &&
               all_is_usable();
    }));
}

// Afterwards the thread that has forked holds it as any other.
TEST(DevresForkTest, AfterAForkTheLockKeepsOthersOut)
{
    EXPECT_TRUE(in_child([] { return true; }));
    detail::process_lock.acquire();
    std::atomic<pid_t> comes{0};
    std::atomic<bool> is_in{false};
    doorway may_end;
    std::thread other([&] {
        comes = gettid();
        {
            const detail::scoped_lock held(detail::process_lock);
            is_in = true;
        }
        may_end.pass();
    });
    while (comes == 0)
        std::this_thread::yield();
    await_asleep(comes); // before the lock, or else behind it
    EXPECT_FALSE(is_in);
    detail::process_lock.release();
    may_end.open();
    other.join();
}

int right_forks = 0;
void fork_once(int before)
{
    if (right_forks == before)
        right_forks += in_child(&all_is_usable);
}

// User code is called without a lock that a fork takes.
TEST(DevresForkTest, ALogHookASinkAndAWarnHandlerMayFork)
{
    EXPECT_TRUE(in_child([] { // a hang ends with its process
        listed_owner own;
        int data = 0;
        devres_set_log(
            [](const char*, devres_head*, const char*, const char*, std::size_t) { fork_once(0); });
        const int err = managed::add_action(&own, put_away, &data);
        devres_dump_all([](void*, const char*, std::size_t) { fork_once(1); }, nullptr);
        devres_set_warn_handler([](const char*) { fork_once(2); });
        managed::remove_action(&own, put_away, static_cast<int*>(nullptr)); // there is none
        return err == 0 && right_forks == 3;
    }));
}

} // namespace
