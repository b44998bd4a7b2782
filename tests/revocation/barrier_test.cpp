// SPDX-License-Identifier: MIT
//
// V13: a sandbox that is put on after the library was loaded, and refuses membarrier.
#include <thread>

#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <devres/revocable.h>

#include "revocation/tracked.h"
#include "support/sandbox.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

// What the library can use instead is sched_setaffinity, then mprotect.
bool refuse_every_barrier()
{
    return refuse_system_calls({SYS_membarrier, SYS_sched_setaffinity, SYS_mprotect});
}

class BarrierTest : public testing::Test {
protected:
    void SetUp() override
    {
        if (!detail::have_membarrier())
            GTEST_SKIP() << "readers fence: there is no barrier that could fail";
        bool possible = false;
        std::thread([&] { possible = refuse_system_calls({}); }).join();
        if (!possible)
            GTEST_SKIP() << "no seccomp here";
    }

    // Runs `body` in a thread of its own, behind a sandbox.
    template <class Body>
    static void in_sandbox(std::initializer_list<long> refused, Body body)
    {
        std::thread([&] {
            ASSERT_TRUE(refuse_system_calls(refused));
            body();
        }).join();
    }

    warn_capture warns;
    tracking t;
};

TEST_F(BarrierTest, RevokeGoesOnWhenASandboxRefusesMembarrier) // V13
{
    revocable<tracked> r(&t);
    in_sandbox({SYS_membarrier}, [&] { EXPECT_TRUE(r.revoke()); });
    EXPECT_EQ(1, t.destroyed);
}

TEST_F(BarrierTest, VisitingTheProcessorsLeavesTheThreadWhereItMayRun) // V13
{
    revocable<tracked> r(&t);
    cpu_set_t before;
    cpu_set_t after;
    const auto body = [&] {
        ASSERT_EQ(0, ::sched_getaffinity(0, sizeof before, &before));
        EXPECT_TRUE(r.revoke());
        ASSERT_EQ(0, ::sched_getaffinity(0, sizeof after, &after));
        EXPECT_TRUE(CPU_EQUAL(&before, &after));
    };
    in_sandbox({SYS_membarrier}, body);
}

// These also show that each of the two does issue the barrier: nothing else would notice if it did not.
TEST_F(BarrierTest, RevokeSaysSoWhenThereIsNoBarrierLeft) // V13
{
    EXPECT_DEATH(
        {
            revocable<int> r(1);
            refuse_every_barrier();
            r.revoke();
        },
        "BUG: heavy_barrier: membarrier.* sandbox");
}

TEST_F(BarrierTest, NowaitRevokeSaysSoWhenThereIsNoBarrierLeft) // V1, V13
{
    EXPECT_DEATH(
        {
            revocable<int> r(1);
            refuse_every_barrier();
            r.revoke(nowait);
        },
        "BUG: heavy_barrier: membarrier.* sandbox");
}

} // namespace
} // namespace devres::test
