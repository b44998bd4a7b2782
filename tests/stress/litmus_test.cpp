// SPDX-License-Identifier: MIT
//
// Store buffering through a gate and a slot, as the library runs it: no checker models membarrier on a real
// processor, so this one counts.
//
//     reader: publish slot; look at gate        revoker: close gate; heavy_barrier(); look at slot
//
// Both missing each other is what must never happen. A control leaves out the barrier and shows whether this
// machine can be seen to reorder at all; seeing nothing there proves nothing, and is only reported.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <initializer_list>
#include <thread>
#include <vector>

#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <devres/detail/revocation.h>

#include "support/effort.h"
#include "support/environment.h"
#include "support/sandbox.h"

namespace devres::test {
namespace {

using detail::revoke;

// One meeting of the two: on cache lines of their own.
struct alignas(128) meeting {
    alignas(128) revoke::slot slot;
    alignas(128) revoke::gate gate;
    alignas(128) bool reader_went_in = false;
    alignas(128) bool revoker_saw_nobody = false;
};

class LitmusTest : public testing::Test {
protected:
    static constexpr int meetings = 500; // in one round
    const std::chrono::milliseconds length{250 * effort()};

    struct outcome {
        int forbidden = 0;
        int meetings = 0;
    };

    // Lets the two meet over and over, close together in time.
    template <class Barrier>
    outcome run(Barrier barrier)
    {
        const std::uint32_t born = detail::have_membarrier() ? 0 : revoke::fenced;
        std::vector<meeting> all(meetings);
        outcome result;
        const auto end = std::chrono::steady_clock::now() + length;
        while (std::chrono::steady_clock::now() < end) {
            for (meeting& m : all) {
                m.slot.domain.store(0);
                m.slot.object.store(0);
                m.gate.state.store(born);
            }
            std::atomic<int> turn{0};
            auto meet = [&turn](int i) {
                turn.fetch_add(1);
                for (int spins = 0; turn.load(std::memory_order_relaxed) < 2 * (i + 1); ++spins)
                    if (spins > 1000)
                        std::this_thread::yield(); // the other one is not running
            };
            std::thread reader([&] {
                for (int i = 0; i != meetings; ++i) {
                    meeting& m = all[static_cast<std::size_t>(i)];
                    meet(i);
                    revoke::publish(m.slot, 1, 2);
                    m.reader_went_in = revoke::open(m.gate);
                }
            });
            for (int i = 0; i != meetings; ++i) {
                meeting& m = all[static_cast<std::size_t>(i)];
                meet(i);
                // Not close(): its locked instruction would be a barrier on x86, which the algorithm does not
                // count on.
                m.gate.state.store(born | revoke::closed, std::memory_order_relaxed);
                barrier();
                detail::identity domain = 0;
                detail::identity object = 0;
                m.revoker_saw_nobody = !revoke::read(m.slot, domain, object);
            }
            reader.join();
            result.meetings += meetings;
            for (const meeting& m : all)
                result.forbidden += m.reader_went_in && m.revoker_saw_nobody ? 1 : 0;
        }
        return result;
    }
};

TEST_F(LitmusTest, ReaderAndRevokerNeverMissEachOther) // V1
{
    const outcome seen = run([] { detail::heavy_barrier(); });
    EXPECT_EQ(0, seen.forbidden);
    std::printf("[   INFO   ] %d meetings\n", seen.meetings);
}

// True if the barrier works behind such a sandbox; it ends the process if nothing is left on this machine.
bool has_barrier_behind(std::initializer_list<long> refused)
{
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(2);
        if (!refuse_system_calls(refused))
            ::_exit(1);
        detail::heavy_barrier();
        ::_exit(0);
    }
    int status = -1;
    return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// V13: what takes the place of membarrier. The sandbox is put around one thread.
TEST_F(LitmusTest, NorDoTheyWithWhatTakesThePlaceOfMembarrier)
{
    for (const auto& refused : {std::initializer_list<long>{SYS_membarrier},
                                std::initializer_list<long>{SYS_membarrier, SYS_sched_setaffinity}}) {
        if (!detail::have_membarrier() || !has_barrier_behind(refused)) {
            std::printf("[   INFO   ] left out: not on this machine\n");
            continue;
        }
        std::thread([&] {
            ASSERT_TRUE(refuse_system_calls(refused));
            const outcome seen = run([] { detail::heavy_barrier(); });
            EXPECT_EQ(0, seen.forbidden);
            std::printf("[   INFO   ] %zu calls refused: %d meetings\n", refused.size(), seen.meetings);
        }).join();
    }
}

TEST_F(LitmusTest, WithoutTheBarrierTheMachineMayReorder)
{
#if defined(DEVRES_TEST_TSAN)
    GTEST_SKIP() << "ThreadSanitizer's atomics order everything";
#endif
    const outcome seen = run([] { std::atomic_signal_fence(std::memory_order_seq_cst); });
    std::printf("[   INFO   ] control without the barrier: %d of %d meetings missed each other\n",
                seen.forbidden, seen.meetings);
}

} // namespace
} // namespace devres::test
