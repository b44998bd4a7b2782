// SPDX-License-Identifier: MIT
//
// The plug is pulled at every moment there is.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm.h>

#include "../driver/ioctl.h"
#include "../run/client_process.h"
#include "all_ioctls.h"
#include "bench.h"

namespace vgpu::test {
namespace {

class UnplugTest : public VgpuTest {};

TEST_F(UnplugTest, TheTourMakesEveryCallAndEachSucceeds)
{
    plug_in();
    const int fd = open_card();
    ASSERT_GE(fd, 0);
    std::vector<std::string> seen;
    for (const tour_step& step : tour(shim_calls, fd)) {
        EXPECT_EQ(0, step.result) << step.ioctl;
        seen.emplace_back(step.ioctl);
    }
    for (const std::string& name : all_ioctls())
        EXPECT_NE(seen.end(), std::ranges::find(seen, name)) << name << " is not on the tour";
    shim_close(fd);
}

TEST_F(UnplugTest, AtEachIoctlThePlugGoesBeforeItIsAnswered)
{
    for (const std::string& name : all_ioctls()) {
        SCOPED_TRACE(name);
        plug_in();
        hold_at(name.c_str(), 1);
        std::vector<tour_step> steps;
        std::thread client([&] {
            const int fd = open_card();
            ASSERT_GE(fd, 0);
            steps = tour(shim_calls, fd);
            shim_close(fd);
        });
        await_held();
        displays->pull();
        end_hold();
        client.join();
        const auto held = std::ranges::find(steps, name, &tour_step::ioctl);
        ASSERT_NE(steps.end(), held);
        EXPECT_EQ(0, held->result) << "it had been made";
        for (auto step = steps.begin(); step != held; ++step)
            EXPECT_EQ(0, step->result) << step->ioctl;
        for (auto step = held + 1; step != steps.end(); ++step)
            EXPECT_EQ(-ENODEV, step->result) << step->ioctl;
    }
}

TEST_F(UnplugTest, AnOpenThatThePlugOvertakesOpensADeviceThatHasGone)
{
    plug_in();
    hold_at("open", 1);
    int fd = -1;
    std::vector<tour_step> steps;
    std::thread client([&] {
        fd = open_card();
        steps = tour(shim_calls, fd);
        shim_close(fd);
    });
    await_held();
    displays->pull();
    end_hold();
    client.join();
    EXPECT_GE(fd, 0);
    EXPECT_FALSE(steps.empty());
    for (const tour_step& step : steps)
        EXPECT_EQ(-ENODEV, step.result) << step.ioctl;
}

TEST_F(UnplugTest, AClientKilledInAnyIoctlLeavesNothing)
{
    plug_in();
    for (const std::string& name : all_ioctls()) {
        SCOPED_TRACE(name);
        hold_at(name.c_str(), 1);
        client_process client({VGPU_TEST_TOUR}, daemon().environment(VGPU_TEST_SHIM));
        ASSERT_TRUE(client.has_started());
        await_held();
        client.kill();
        end_hold();
        while (daemon().open_files() > 0) // it is no master any more
            std::this_thread::yield();
    }
}

TEST_F(UnplugTest, ProgramsThatKnowNothingEndWhenItGoes)
{
    plug_in();
    hold_at("MODE_PAGE_FLIP", 3);
    client_process client({VGPU_TEST_TOUR}, daemon().environment(VGPU_TEST_SHIM));
    await_held();
    displays->pull();
    end_hold();
    pollfd end{client.end_is_readable(), POLLIN, 0};
    ASSERT_EQ(1, poll(&end, 1, 120'000));
    ASSERT_TRUE(client.has_ended());
    client.read_output();
    EXPECT_EQ(0, client.status()) << client.text();
}

// Clients that call until they are told that it is gone, each with a file of its own.
class hammer {
public:
    hammer(int threads, std::atomic<int>* calls)
    {
        for (int i = 0; i < threads; ++i)
            threads_.emplace_back([this, calls] {
                hit(calls);
                ++ended_;
            });
    }
    ~hammer()
    {
        for (std::thread& t : threads_)
            t.join();
    }
    bool have_ended() const { return ended_ == static_cast<int>(threads_.size()); }

private:
    static void hit(std::atomic<int>* calls)
    {
        const int fd = open_card();
        if (fd < 0)
            return;
        for (bool gone = false; !gone;)
            for (const tour_step& step : tour(shim_calls, fd)) {
                gone = gone || step.result == -ENODEV;
                ++*calls;
            }
        shim_close(fd);
    }

    std::atomic<int> ended_{0};
    std::vector<std::thread> threads_;
};

// Until there have been `rounds` of them, or for so many seconds.
void pull_while_hammered(bus& displays, int rounds, int seconds, int threads, int calls_before)
{
    const std::int64_t end = now_ns() + std::int64_t{seconds} * 1'000'000'000;
    int round = 0;
    for (; round < rounds && now_ns() < end; ++round) {
        std::atomic<int> calls{0};
        ASSERT_EQ(0, displays.plug_in(1));
        const hammer clients(threads, &calls);
        while (calls < calls_before && !clients.have_ended())
            std::this_thread::sleep_for(std::chrono::microseconds(100));
        EXPECT_FALSE(clients.have_ended()) << "none could open it, or it went by itself";
        displays.pull();
    }
    std::printf("bound and unbound %d times\n", round);
}

TEST_F(UnplugTest, WhileClientsHammer)
{
    pull_while_hammered(*displays, 5, 3, 4, 200);
}

// For twenty seconds, or VGPU_TEST_BINDS times.
TEST_F(UnplugTest, HeavyBoundAndUnboundOverAndOverUnderLoad)
{
    const char* binds = std::getenv("VGPU_TEST_BINDS");
    constexpr int no_end = std::numeric_limits<int>::max();
    pull_while_hammered(*displays, binds ? std::atoi(binds) : no_end, binds ? no_end : 20, 4, 20);
}

TEST_F(UnplugTest, DuringOpenAClientGetsAFileOrAnError)
{
    for (int round = 0; round < 20; ++round) {
        plug_in();
        std::atomic<int> opened{0};
        std::vector<std::thread> clients;
        for (int i = 0; i < 3; ++i)
            clients.emplace_back([&] {
                for (;;) {
                    const int fd = open_card();
                    if (fd < 0) {
                        EXPECT_TRUE(fd == -ENODEV || fd == -ENOENT) << fd;
                        return;
                    }
                    ++opened;
                    shim_close(fd);
                }
            });
        while (opened < 20)
            std::this_thread::yield();
        displays->pull();
        for (std::thread& t : clients)
            t.join();
    }
}

TEST_F(UnplugTest, PluggedInAgainTheNewDisplayIsAnotherOne)
{
    plug_in();
    const int old = open_card();
    ASSERT_GE(old, 0);
    drm_mode_create_dumb dumb{768, 1024, 32, 0, 0, 0, 0};
    ASSERT_EQ(0, call(old, DRM_IOCTL_MODE_CREATE_DUMB, &dumb));
    drm_mode_map_dumb map{dumb.handle, 0, 0};
    ASSERT_EQ(0, call(old, DRM_IOCTL_MODE_MAP_DUMB, &map));
    void* memory = shim_mmap(nullptr, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, old,
                             static_cast<off_t>(map.offset));
    ASSERT_NE(MAP_FAILED, memory);
    displays->pull();
    plug_in();
    static_cast<char*>(memory)[100] = 1; // it stays the client's
    EXPECT_EQ(-ENODEV, call(old, DRM_IOCTL_MODE_CREATE_DUMB, &dumb));
    const int fresh = open_card();
    ASSERT_GE(fresh, 0);
    for (const tour_step& step : tour(shim_calls, fresh)) // it is master there
        EXPECT_EQ(0, step.result) << step.ioctl;
    shim_close(fresh);
    displays->pull();
    munmap(memory, dumb.size);
    shim_close(old);
}

TEST_F(UnplugTest, AFailedStepOfProbeTakesBackWhatWasTaken)
{
    for (int step = 1; step <= probe_steps; ++step) {
        EXPECT_EQ(-EIO, displays->plug_in(1, step)) << step;
        EXPECT_EQ(before_.managed_bytes, usage_now().managed_bytes) << step;
        EXPECT_EQ(-ENOENT, open_card()) << step;
    }
    EXPECT_EQ(0, displays->plug_in(1, probe_steps + 1)) << "there are no more steps";
}

TEST_F(UnplugTest, AHubGoesWithReadersOnEachOfItsDisplays)
{
    constexpr int cards = 16;
    plug_in(cards);
    std::vector<int> files;
    for (int card = 0; card < cards; ++card)
        files.push_back(open_card(card));
    displays->pull();
    for (const int fd : files) {
        ASSERT_GE(fd, 0);
        drm_get_cap cap{DRM_CAP_DUMB_BUFFER, 0};
        EXPECT_EQ(-ENODEV, call(fd, DRM_IOCTL_GET_CAP, &cap));
        shim_close(fd);
    }
}

// Whoever waits for a flip at the moment of the unplug gets its event, and does not hang.
TEST_F(UnplugTest, PendingFlipsAndVblanksAreSent)
{
    plug_in();
    const int fd = open_card();
    ASSERT_GE(fd, 0);
    hold_at("MODE_PAGE_FLIP", 1); // the tour asks for an event
    std::thread client([&] { tour(shim_calls, fd); });
    await_held();
    displays->pull();
    end_hold();
    client.join();
    drm_event_vblank event{};
    EXPECT_EQ(ssize_t{sizeof event}, shim_read(fd, &event, sizeof event));
    EXPECT_EQ(std::uint32_t{DRM_EVENT_FLIP_COMPLETE}, event.base.type);
    EXPECT_EQ(7u, event.user_data);
    shim_close(fd);
}

} // namespace
} // namespace vgpu::test
