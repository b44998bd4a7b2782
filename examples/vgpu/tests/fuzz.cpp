// SPDX-License-Identifier: MIT
//
// A client that says whatever comes to its mind, until the card has gone.
#include "fuzz.h"

#include <cstdint>
#include <cstring>
#include <random>
#include <thread>

#include <drm.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace vgpu::test {
namespace {

// More than the largest thing that the daemon would write.
void* scratch()
{
    static void* const memory =
        mmap(nullptr, 4u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory;
}

class fuzzer {
public:
    fuzzer(unsigned seed, const std::vector<unsigned long>& commands) : commands_(commands), random_(seed) {}

    void run(int calls)
    {
        int fd = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
        for (int i = 0; i < calls && fd >= 0; ++i) {
            if (pick(100) == 0) {
                close(fd);
                fd = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
            } else if (pick(20) == 0) {
                const std::size_t length = std::size_t{4096} * (1 + pick(256));
                void* memory = mmap(nullptr, length, PROT_READ, MAP_SHARED, fd,
                                    static_cast<off_t>((1ull << 32) + 4096 * pick(1000)));
                if (memory != MAP_FAILED)
                    munmap(memory, length);
            } else {
                call_something(fd);
            }
        }
        if (fd >= 0)
            close(fd);
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
        unsigned long command = number < commands_.size() ? commands_[number] : 0;
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
        ioctl(fd, command, pick(50) ? argument : reinterpret_cast<std::uint8_t*>(value()));
    }

    const std::vector<unsigned long>& commands_;
    std::mt19937_64 random_;
};

} // namespace

void fuzz(unsigned seed, int threads, int calls, const std::vector<unsigned long>& commands)
{
    std::vector<std::thread> clients;
    for (int i = 0; i < threads; ++i)
        clients.emplace_back(
            [=, &commands] { fuzzer(seed + static_cast<unsigned>(i), commands).run(calls); });
    for (std::thread& t : clients)
        t.join();
}

} // namespace vgpu::test
