// SPDX-License-Identifier: MIT
#include "bench.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <thread>

#include <gmock/gmock.h>

namespace vgpu::test {

namespace {

std::unique_ptr<server> the_daemon;

} // namespace

server& daemon()
{
    return *the_daemon;
}

int open_card(int card, int flags)
{
    const std::string path = daemon().folder() + "/dev/dri/card" + std::to_string(card);
    const int fd = shim_open(path.c_str(), flags);
    return fd < 0 ? -errno : fd;
}

int call(int fd, unsigned long command, void* argument)
{
    return shim_ioctl(fd, command, argument) < 0 ? -errno : 0;
}

namespace {

// Returns once the daemon has accepted this thread, and with it everybody who has connected before.
int connect_this_thread()
{
    bus displays(daemon(), &counted_memory());
    EXPECT_EQ(0, displays.plug_in(1));
    const int fd = open_card();
    std::uint32_t nothing = 0;
    call(fd, 0, &nothing);
    shim_close(fd);
    return 0;
}

// What the process has while nothing is plugged in. A thread that has been joined leaves the system's list a
// moment later, so the least of many looks counts.
usage baseline()
{
    static const usage least = [] {
        usage u = usage_now();
        for (int i = 0; i < 200; ++i) {
            std::this_thread::yield();
            const usage now = usage_now();
            u.threads = std::min(u.threads, now.threads);
            u.open_files = std::min(u.open_files, now.open_files);
        }
        return u;
    }();
    return least;
}

} // namespace

VgpuTest::VgpuTest() : ignored_(connect_this_thread()), before_(baseline())
{
    displays.emplace(daemon(), &counted_memory());
}

VgpuTest::~VgpuTest()
{
    displays.reset();
    std::thread(connect_this_thread).join();
    // Who was killed is noticed a moment later.
    const std::int64_t patience = now_ns() + 120'000'000'000;
    usage left = usage_now();
    while (left != before_ && now_ns() < patience) {
        std::this_thread::yield();
        left = usage_now();
    }
    EXPECT_EQ(describe(before_), describe(left));
}

} // namespace vgpu::test

int main(int argc, char** argv)
{
    testing::InitGoogleMock(&argc, argv);
    std::signal(SIGPIPE, SIG_IGN);
    vgpu::test::the_daemon = std::make_unique<vgpu::server>();
    if (vgpu::test::the_daemon->start())
        return 1;
    setenv(VGPU_DIR_VARIABLE, vgpu::test::the_daemon->folder().c_str(), 1);
    const int status = RUN_ALL_TESTS();
    vgpu::test::the_daemon.reset();
    return status;
}
