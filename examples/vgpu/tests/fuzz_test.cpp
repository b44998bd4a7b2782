// SPDX-License-Identifier: MIT
//
// Whatever a client says: numbers, sizes, pointers, names of others, messages that are none. The daemon goes
// on, and when the clients have gone nothing is left.
#include <atomic>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <drm.h>

#include "../driver/ioctl.h"
#include "../server/message.h"
#include "bench.h"

namespace vgpu::test {
namespace {

class FuzzTest : public VgpuTest {};

// More than the largest thing that the daemon would write.
void* scratch()
{
    static void* const memory =
        mmap(nullptr, 4u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory;
}

class fuzzer {
public:
    explicit fuzzer(unsigned seed) : random_(seed) {}

    void run(int calls)
    {
        int fd = open_card();
        for (int i = 0; i < calls && fd >= 0; ++i) {
            if (pick(100) == 0) {
                shim_close(fd);
                fd = open_card();
            } else if (pick(20) == 0) {
                const std::size_t length = std::size_t{4096} * (1 + pick(256));
                void* memory = shim_mmap(nullptr, length, PROT_READ, MAP_SHARED, fd,
                                         static_cast<off_t>((1ull << 32) + 4096 * pick(1000)));
                if (memory != MAP_FAILED)
                    munmap(memory, length);
            } else {
                call_something(fd);
            }
        }
        if (fd >= 0)
            shim_close(fd);
    }

private:
    std::uint32_t pick(std::uint32_t below)
    {
        return std::uniform_int_distribution<std::uint32_t>(0, below - 1)(random_);
    }

    std::uint64_t value()
    {
        switch (pick(8)) {
        case 0:
            return random_();
        case 1:
            return ~std::uint64_t{0};
        case 2: // memory of its own
            return reinterpret_cast<std::uintptr_t>(scratch());
        case 3:
            return 64 + pick(100); // names of framebuffers and blobs
        case 4:
            return 40 + pick(6); // of fixed objects
        default:
            return pick(20);
        }
    }

    // In the structure, 32 or 64 bits at a time.
    void call_something(int fd)
    {
        const unsigned number = pick(0xe0);
        unsigned long command = ioctl_command(number);
        if (command == 0 || pick(10) == 0)
            command = _IOC(_IOC_READ | _IOC_WRITE, pick(20) ? 'd' : 'x', number, pick(300));
        std::uint8_t argument[1u << _IOC_SIZEBITS] = {};
        for (std::size_t at = 0; at + 8 <= _IOC_SIZE(command);) {
            const std::uint64_t v = value();
            const std::size_t size = pick(2) ? 4 : 8;
            std::memcpy(argument + at, &v, size);
            at += size;
        }
        if (number == 0x3a) // a block of a thread that waits is no find
            return;
        if (number == 0xb2) { // memory: a little
            const std::uint32_t small[] = {pick(64), pick(64), pick(2) ? 32u : pick(70)};
            std::memcpy(argument, small, sizeof small);
        }
        shim_ioctl(fd, command, pick(50) ? argument : reinterpret_cast<std::uint8_t*>(value()));
    }

    std::mt19937_64 random_;
};

void fuzz(int threads, int calls)
{
    std::vector<std::thread> clients;
    for (int i = 0; i < threads; ++i)
        clients.emplace_back([i, calls] { fuzzer(static_cast<unsigned>(i)).run(calls); });
    for (std::thread& t : clients)
        t.join();
}

TEST_F(FuzzTest, AFewConnections)
{
    plug_in();
    fuzz(8, 300);
}

TEST_F(FuzzTest, HeavyHundredsOfConnections)
{
    plug_in();
    fuzz(300, 1000);
}

TEST_F(FuzzTest, ThePlugGoesMeanwhile)
{
    plug_in();
    std::atomic<bool> done{false};
    std::thread clients([&done] {
        fuzz(8, 300);
        done = true;
    });
    while (daemon().open_files() < 3 && !done)
        std::this_thread::yield();
    displays->pull();
    clients.join();
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
