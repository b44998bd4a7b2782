// SPDX-License-Identifier: MIT
//
// Whatever a client says: numbers, sizes, pointers, names of others, messages that are none. The daemon goes
// on, and when the clients have gone nothing is left.
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <drm.h>

#include "../driver/ioctl.h"
#include "../run/client_process.h"
#include "../server/message.h"
#include "bench.h"

namespace vgpu::test {
namespace {

class FuzzTest : public VgpuTest {};

// Clients are processes, since the daemon writes wherever they tell it to.
class fuzzers {
public:
    fuzzers(int processes, int threads, int calls)
    {
        for (int i = 0; i < processes; ++i) {
            std::vector<std::string> command{VGPU_TEST_TOUR, "fuzz", std::to_string(i * threads),
                                             std::to_string(threads), std::to_string(calls)};
            for (int number = 0; number < gpu_ioctl_count; ++number)
                command.push_back(std::to_string(ioctl_command(static_cast<unsigned>(number))));
            processes_.emplace_back(std::move(command), daemon().environment(VGPU_TEST_SHIM));
        }
    }
    // What becomes of a client that talks nonsense is not looked at.
    void await_end()
    {
        for (client_process& one : processes_) {
            pollfd end{one.end_is_readable(), POLLIN, 0};
            EXPECT_TRUE(one.has_started());
            EXPECT_EQ(1, poll(&end, 1, 300'000));
            one.kill();
        }
    }

private:
    std::vector<client_process> processes_;
};

TEST_F(FuzzTest, AFewConnections)
{
    plug_in();
    fuzzers(4, 2, 300).await_end();
}

TEST_F(FuzzTest, HeavyHundredsOfConnections)
{
    plug_in();
    fuzzers(30, 10, 300).await_end();
}

TEST_F(FuzzTest, ThePlugGoesMeanwhile)
{
    plug_in();
    fuzzers clients(4, 2, 100'000);
    const std::int64_t patience = now_ns() + 120'000'000'000;
    while (daemon().open_files() < 3 && now_ns() < patience)
        std::this_thread::yield();
    displays->pull();
    clients.await_end();
}

int connect_raw(const std::string& path)
{
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, path.c_str(), path.size());
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    EXPECT_EQ(0, connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name));
    return fd;
}

// The daemon believes nothing that comes over `calls`.
TEST_F(FuzzTest, MessagesThatAreNone)
{
    plug_in();
    std::mt19937 random(1);
    for (int i = 0; i < 200; ++i) {
        const int fd = connect_raw(daemon().folder() + VGPU_CALLS_SOCKET);
        message m;
        for (int k = 0; k < 5; ++k) {
            m.head.word = random() % 10;
            m.head.file = random();
            m.head.number = static_cast<std::uint32_t>(random());
            m.head.length = random();
            m.size = random() % sizeof m.bytes;
            unique_fd shown(dup(fd));
            if (!send_message(fd, m, random() % 3 ? -1 : shown.get()))
                break;
        }
        close(fd);
    }
}

// A connection to a card that has no name of its own is no file; nor is what is written to it read.
TEST_F(FuzzTest, AConnectionWithoutANameIsRefused)
{
    plug_in();
    const int fd = connect_raw(daemon().folder() + "/dev/dri/card0");
    message answer;
    unique_fd none;
    ASSERT_TRUE(receive_message(fd, &answer, &none));
    EXPECT_EQ(-EINVAL, answer.head.result);
    close(fd);
}

// A client that does not answer a question about its memory delays an unplug no longer than it takes to give
// it up.
TEST_F(FuzzTest, AClientThatDoesNotAnswerIsGivenUpAtUnplug)
{
    plug_in();
    const int file = open_card();
    ASSERT_GE(file, 0);
    const int fd = connect_raw(daemon().folder() + VGPU_CALLS_SOCKET);
    message m;
    unique_fd none;
    m.head.word = VGPU_USE;
    m.head.file = name_of(file);
    ASSERT_TRUE(send_message(fd, m, file));
    ASSERT_TRUE(receive_message(fd, &m, &none));
    ASSERT_EQ(0, m.head.result);
    drm_mode_crtc set{};
    set.crtc_id = 40;
    set.mode_valid = 1;
    set.count_connectors = 1;
    set.set_connectors_ptr = 4096;
    m.head.word = VGPU_IOCTL;
    m.head.number = DRM_IOCTL_MODE_SETCRTC; // guarded: unbind waits for it
    std::memcpy(m.bytes, &set, sizeof set);
    m.size = sizeof set;
    ASSERT_TRUE(send_message(fd, m));
    ASSERT_TRUE(receive_message(fd, &m, &none));
    EXPECT_EQ(std::uint32_t{VGPU_READ}, m.head.word);
    displays->pull();
    ASSERT_TRUE(receive_message(fd, &m, &none));
    EXPECT_EQ(std::uint32_t{VGPU_DONE}, m.head.word);
    EXPECT_EQ(-ENODEV, m.head.result);
    close(fd);
    shim_close(file);
}

} // namespace
} // namespace vgpu::test
