// SPDX-License-Identifier: MIT
//
// The way in through FUSE. Clients are processes: one that sleeps in a file system of its own process cannot
// be killed.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "../driver/ioctl.h"
#include "../fuse/fuse_server.h"
#include "../run/bus.h"
#include "../run/client_process.h"
#include "../run/usage.h"
#include "../server/trace.h"
#include "all_ioctls.h"

namespace vgpu::test {
namespace {

constexpr int patience_ms = 120'000;

// Is there a card in the mount table that this thread sees?
bool is_mounted()
{
    std::ifstream mounts("/proc/thread-self/mountinfo");
    for (std::string line; std::getline(mounts, line);)
        if (line.find(" /dev/dri ") != std::string::npos && line.find(" fuse ") != std::string::npos)
            return true;
    return false;
}

class FuseTest : public testing::Test {
protected:
    FuseTest() : before_(usage_now()), daemon(std::make_unique<fuse_server>())
    {
        EXPECT_EQ(0, daemon->start());
        displays.emplace(*daemon, &counted_memory());
        EXPECT_EQ(0, displays->plug_in(1));
        EXPECT_TRUE(is_mounted());
    }
    // Nothing is left over: open files, threads, mappings, managed bytes, misuse; nor is anything mounted.
    ~FuseTest() override
    {
        displays.reset();
        daemon.reset();
        EXPECT_FALSE(is_mounted());
        EXPECT_EQ(describe(before_), describe(usage_like(before_)));
    }

    static client_process start(std::vector<std::string> arguments,
                                const char* program = VGPU_TEST_FUSE_CLIENT)
    {
        arguments.insert(arguments.begin(), program);
        return client_process(std::move(arguments), {});
    }
    static void await_end(client_process& client)
    {
        pollfd end{client.end_is_readable(), POLLIN, 0};
        ASSERT_EQ(1, poll(&end, 1, patience_ms));
        ASSERT_TRUE(client.has_ended());
        client.read_output();
    }
    static void expect_success(client_process& client)
    {
        await_end(client);
        EXPECT_EQ(0, client.status()) << client.text();
    }
    static void await_line(client_process& client, const char* line)
    {
        const std::int64_t end = now_ns() + std::int64_t{patience_ms} * 1'000'000;
        while (client.text().find(line) == std::string::npos && now_ns() < end) {
            pollfd more{client.output(), POLLIN, 0};
            poll(&more, 1, 100);
            if (!client.read_output())
                break;
        }
        EXPECT_NE(std::string::npos, client.text().find(line)) << client.text();
    }
    // Its end is noticed a moment later.
    void await_no_file() const
    {
        const std::int64_t end = now_ns() + std::int64_t{patience_ms} * 1'000'000;
        while (daemon->open_files() > 0 && now_ns() < end)
            std::this_thread::yield();
        EXPECT_EQ(0u, daemon->open_files());
    }

    const usage before_;
    std::unique_ptr<fuse_server> daemon;
    std::optional<bus> displays;
};

struct step {
    std::string ioctl;
    int result = 0;
};

std::vector<step> steps_of(const client_process& client)
{
    std::istringstream text(client.text());
    std::vector<step> all;
    for (step s; text >> s.ioctl >> s.result;)
        all.push_back(s);
    return all;
}

// --- What a static program gets ---------------------------------------------------------------------------

TEST_F(FuseTest, TheTourMakesEveryCallAndEachSucceeds)
{
    client_process client = start({"tour"});
    expect_success(client);
    const std::vector<step> steps = steps_of(client);
    for (const step& s : steps)
        EXPECT_EQ(0, s.result) << s.ioctl;
    for (const std::string& name : all_ioctls())
        EXPECT_NE(steps.end(), std::ranges::find(steps, name, &step::ioctl)) << name;
}

class FuseClientTest : public FuseTest, public testing::WithParamInterface<const char*> {};

TEST_P(FuseClientTest, FindsEverythingAsItShouldBe)
{
    client_process client = start({GetParam()});
    expect_success(client);
}

INSTANTIATE_TEST_SUITE_P(Static, FuseClientTest,
                         testing::Values("look", "pointers", "events", "mappings", "signal", "reopen"),
                         [](const auto& which) { return std::string(which.param); });

TEST_F(FuseTest, ASetuidProgramComesIn)
{
    std::string folder = "/tmp/vgpu-setuid-XXXXXX";
    ASSERT_NE(nullptr, mkdtemp(folder.data()));
    const std::string copy = folder + "/client";
    std::filesystem::copy_file(VGPU_TEST_FUSE_CLIENT, copy);
    constexpr uid_t nobody = 65534;
    ASSERT_EQ(0, chown(copy.c_str(), nobody, nobody));
    ASSERT_EQ(0, chmod(copy.c_str(), 04755));
    client_process client = start({"setuid"}, copy.c_str());
    expect_success(client);
    std::filesystem::remove_all(folder);
}

// --- The plug, and clients that end -----------------------------------------------------------------------

TEST_F(FuseTest, AtEachIoctlThePlugGoesBeforeItIsAnswered)
{
    for (const std::string& name : all_ioctls()) {
        SCOPED_TRACE(name);
        if (!displays->is_plugged_in()) {
            ASSERT_EQ(0, displays->plug_in(1));
        }
        hold_at(name.c_str(), 1);
        client_process client = start({"tour"});
        await_held();
        displays->pull();
        end_hold();
        expect_success(client);
        const std::vector<step> steps = steps_of(client);
        const auto held = std::ranges::find(steps, name, &step::ioctl);
        ASSERT_NE(steps.end(), held);
        for (auto s = steps.begin(); s != held + 1; ++s)
            EXPECT_EQ(0, s->result) << s->ioctl;
        for (auto s = held + 1; s != steps.end(); ++s)
            EXPECT_EQ(-ENODEV, s->result) << s->ioctl;
        await_no_file();
    }
}

TEST_F(FuseTest, AnOpenThatThePlugOvertakesOpensADeviceThatHasGone)
{
    hold_at("open", 1);
    client_process client = start({"tour"});
    await_held();
    displays->pull();
    end_hold();
    expect_success(client);
    EXPECT_FALSE(steps_of(client).empty());
    for (const step& s : steps_of(client))
        EXPECT_EQ(-ENODEV, s.result) << s.ioctl;
}

// It ends when its call is answered, as in a kernel driver that does not look for signals.
TEST_F(FuseTest, AClientKilledInAnyIoctlLeavesNothing)
{
    for (const std::string& name : all_ioctls()) {
        SCOPED_TRACE(name);
        hold_at(name.c_str(), 1);
        client_process client = start({"tour"});
        await_held();
        ::kill(client.pid(), SIGKILL);
        end_hold();
        await_end(client);
        await_no_file(); // it is no master any more
    }
}

TEST_F(FuseTest, WhoSleepsDelaysNobodyAndCanBeKilled)
{
    client_process client = start({"sleep"});
    await_line(client, "awake");
    client.kill(); // with those that sleep in WAIT_VBLANK and read
    await_no_file();
}

TEST_F(FuseTest, WhoWaitsForAVblankIsWokenByTheUnplug)
{
    client_process client = start({"sleep"});
    await_line(client, "awake");
    displays->pull();
    await_line(client, "wait -19");
    EXPECT_EQ(1u, daemon->open_files()) << "somebody still reads";
    client.kill();
    await_no_file();
}

TEST_F(FuseTest, PluggedInAgainTheNewDisplayIsAnotherOne)
{
    client_process old = start({"sleep"});
    await_line(old, "awake");
    displays->pull();
    ASSERT_EQ(0, displays->plug_in(1));
    client_process client = start({"tour"});
    expect_success(client);
    for (const step& s : steps_of(client)) // it is master there
        EXPECT_EQ(0, s.result) << s.ioctl;
    old.kill();
}

TEST_F(FuseTest, ThePlugGoesWhileClientsTalkNonsense)
{
    std::vector<std::string> words{"fuzz", "1", "4", "100000"};
    for (int number = 0; number < gpu_ioctl_count; ++number)
        words.push_back(std::to_string(ioctl_command(static_cast<unsigned>(number))));
    client_process one = start(words, VGPU_TEST_TOUR);
    words[1] = "1000";
    client_process two = start(words, VGPU_TEST_TOUR);
    std::this_thread::sleep_for(std::chrono::seconds(2));
    displays->pull();
    await_end(one); // what becomes of them is not looked at
    await_end(two);
    await_no_file();
}

// --- Ends of the daemon -----------------------------------------------------------------------------------

TEST_F(FuseTest, ADaemonThatEndsTakesTheFileSystemWithIt)
{
    const std::string report = testing::TempDir() + "vgpu-fuse-report-" + std::to_string(getpid());
    client_process client = start({"until-gone", report});
    while (daemon->open_files() == 0)
        std::this_thread::yield();
    displays->pull();
    daemon.reset();
    EXPECT_FALSE(is_mounted());
    expect_success(client);
    std::filesystem::remove(report);
    daemon = std::make_unique<fuse_server>(); // a second one in the same process
    ASSERT_EQ(0, daemon->start());
    displays.emplace(*daemon, &counted_memory());
    EXPECT_EQ(0, displays->plug_in(1));
}

// It cannot unmount anything: what it mounted is seen in its own mount namespace, and the kernel ends the
// connection.
TEST_F(FuseTest, AfterSigkillOfTheDaemonClientsGetErrorsAndNothingIsMounted)
{
    const std::string report = testing::TempDir() + "vgpu-fuse-report-" + std::to_string(getpid());
    client_process run({VGPU_TEST_VGPU, "run", "--fuse", "--unplug-after", "1000", "--",
                        VGPU_TEST_FUSE_CLIENT, "until-gone", report},
                       {});
    await_line(run, "plugged in");
    std::this_thread::sleep_for(std::chrono::seconds(1));
    ::kill(run.pid(), SIGKILL);
    await_end(run);
    int error = 0;
    const std::int64_t end = now_ns() + std::int64_t{patience_ms} * 1'000'000;
    while (error == 0 && now_ns() < end)
        std::ifstream(report) >> error;
    EXPECT_TRUE(error == ENOTCONN || error == ECONNABORTED || error == ENOENT) << error;
    std::filesystem::remove(report);
}

} // namespace
} // namespace vgpu::test

int main(int argc, char** argv)
{
    testing::InitGoogleTest(&argc, argv);
    std::signal(SIGPIPE, SIG_IGN);
    {
        vgpu::fuse_server probe;
        if (const int err = probe.start()) {
            std::printf("skipped: %s\n", probe.problem(err).c_str());
            return 77;
        }
    }
    return RUN_ALL_TESTS();
}
