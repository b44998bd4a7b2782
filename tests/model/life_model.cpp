// SPDX-License-Identifier: MIT
//
// The life of a resource under the model checker: src/list, src/memory and src/managed as they are, compiled
// against an environment in which relacy decides at every lock, look and change of state who goes on
// (life/hooks.h). life/scenarios.cpp has the scenarios, each of which stands here beside its controls.

#include "life/hooks.h"
#include "runner.h"

namespace model::life {

fault planted = fault::none;

namespace {

constexpr int most_locks = 8;
constexpr int most_blocks = 64;

struct block {
    const unsigned char* at;
    std::size_t bytes;
    bool alive;
    bool of_allocator;
};

// One schedule's.
struct world {
    rl::mutex locks[most_locks];
    const void* address_of[most_locks];
    rl::mutex monitor;
    rl::condition_variable_any changed;

    alignas(64) unsigned char arena[16384];
    std::size_t taken;
    block blocks[most_blocks];
    int block_count;
    int alive;
};
world* now = nullptr;
const char* complaint = ""; // of the last schedule that failed

rl::mutex& mutex_of(const void* address)
{
    for (int i = 0; i != most_locks; ++i)
        if (now->address_of[i] == address || !now->address_of[i]) {
            now->address_of[i] = address;
            return now->locks[i];
        }
    fail("too many locks for the model");
}

bool is_left_out(of whose)
{
    return planted == (whose == of::head ? fault::no_head_lock : fault::no_handle_lock);
}

void touch(const void* what) noexcept
{
    const auto* at = static_cast<const unsigned char*>(what);
    for (int i = 0; i != now->block_count; ++i) {
        const block& b = now->blocks[i];
        if (at >= b.at && at < b.at + b.bytes && !b.alive)
            fail("touches what has been freed");
    }
}

void add_block(const void* memory, std::size_t bytes, bool of_allocator)
{
    if (now->block_count == most_blocks)
        fail("too much memory for the model");
    now->blocks[now->block_count++] = {static_cast<const unsigned char*>(memory), bytes, true, of_allocator};
}

block* find(const void* memory)
{
    for (int i = 0; i != now->block_count; ++i)
        if (now->blocks[i].at == memory)
            return &now->blocks[i];
    fail("no such memory");
}

const char identities[8] = {};

} // namespace

void fail(const char* why) noexcept
{
    complaint = why;
    RL_ASSERT(!why);
    std::abort(); // relacy does not come back
}

void step(const void* touched) noexcept
{
    rl::ctx().sched();
    touch(touched);
}

const void* this_thread() noexcept
{
    return &identities[rl::ctx().threadx_->index_];
}

bool toss() noexcept
{
    return rl::rand(2) != 0;
}

void acquire(const void* lock, of whose) noexcept
{
    step(lock);
    if (!is_left_out(whose))
        mutex_of(lock).lock($);
    touch(lock);
}

void release(const void* lock, of whose) noexcept
{
    touch(lock);
    if (!is_left_out(whose))
        mutex_of(lock).unlock($);
}

void enter() noexcept
{
    now->monitor.lock($);
}
void wait() noexcept
{
    now->changed.wait(now->monitor, $);
}
void leave() noexcept
{
    now->monitor.unlock($);
}
void wake_waiters() noexcept
{
    now->monitor.lock($);
    now->changed.notify_all($);
    now->monitor.unlock($);
}

void* take_bytes(std::size_t bytes) noexcept
{
    void* memory = now->arena + now->taken;
    now->taken += (bytes + 63) / 64 * 64;
    if (now->taken > sizeof now->arena)
        fail("too much memory for the model");
    add_block(memory, bytes, true);
    ++now->alive;
    return memory;
}

void free_bytes(void* memory, std::size_t bytes) noexcept
{
    block* b = find(memory);
    if (!b->alive || b->bytes != bytes)
        fail("freed twice, or not as it was taken");
    b->alive = false;
    --now->alive;
}

void lives(const void* memory, std::size_t bytes) noexcept
{
    add_block(memory, bytes, false);
}

void has_ended(const void* memory) noexcept
{
    find(memory)->alive = false;
}

int blocks_alive() noexcept
{
    return now->alive;
}

namespace {

const scenario* under_test = nullptr;

template <int Threads>
struct suite : rl::test_suite<suite<Threads>, Threads> {
    world its;

    void before()
    {
        now = &its;
        for (const void*& address : its.address_of)
            address = nullptr;
        its.taken = 0;
        its.block_count = its.alive = 0;
        under_test->before();
    }
    void thread(unsigned which) { under_test->thread(static_cast<int>(which)); }
    void after() { under_test->after(); }
};

void run_scenario(const scenario& what, fault control, const char* without)
{
    under_test = &what;
    planted = control;
    char name[160];
    std::snprintf(name, sizeof name, "%s%s%s", what.name, without ? ", without " : "",
                  without ? without : "");
    const expect expected = without ? expect::fails : expect::holds;
    const int failed_before = failures;
    if (what.threads == 2)
        run<suite<2>>(name, expected, enough);
    else
        run<suite<3>>(name, expected, enough);
    if (failures != failed_before)
        std::printf("     because: %s\n", complaint);
}

struct control {
    int scenario;
    fault planted;
    const char* without;
};
constexpr control controls[] = {
    {0, fault::no_head_lock, "the lock of the list"},
    {1, fault::no_wake, "waking"},
    {2, fault::no_handle_lock, "the lock of the handle"},
    {3, fault::no_handle_lock, "the lock of the handle"},
    {5, fault::lost_abandoned, "abandoning"},
    {5, fault::lost_cancelled, "cancelling"},
    {6, fault::lost_abandoned, "abandoning"},
    {7, fault::no_wake, "waking"},
    {7, fault::blind_change, "a look at who has stopped waiting"},
    {8, fault::no_wake, "waking"},
    {9, fault::no_head_lock, "the lock of the list"},
};

} // namespace
} // namespace model::life

int main()
{
    using namespace model::life;
    for (int i = 0; i != scenario_count; ++i) {
        run_scenario(scenarios[i], fault::none, nullptr);
        for (const control& c : controls)
            if (c.scenario == i)
                run_scenario(scenarios[i], c.planted, c.without);
    }
    return model::summary();
}
