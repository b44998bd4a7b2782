// SPDX-License-Identifier: MIT
//
// The tour as a program that knows nothing of the shim: opens the card, makes every call, again and again,
// and ends when the card has gone. Exit status: 0; 1: it cannot be opened; 2: a step failed while it was
// there. With `fuzz <seed> <threads> <calls> <command>...` it calls with nonsense instead.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "tour.h"

int main(int argc, char** argv)
{
    if (argc > 4 && std::strcmp(argv[1], "fuzz") == 0) {
        std::vector<unsigned long> commands;
        for (int i = 5; i < argc; ++i)
            commands.push_back(std::strtoul(argv[i], nullptr, 10));
        vgpu::test::fuzz(static_cast<unsigned>(std::atoi(argv[2])), std::atoi(argv[3]), std::atoi(argv[4]),
                         commands);
        return 0;
    }
    const vgpu::test::calls libc{
        [](int fd, unsigned long command, void* argument) { return ioctl(fd, command, argument); }, mmap};
    for (;;) {
        const int fd = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
        if (fd < 0)
            return 1;
        for (const vgpu::test::tour_step& step : vgpu::test::tour(libc, fd)) {
            if (step.result == -ENODEV)
                return 0;
            if (step.result < 0) {
                std::fprintf(stderr, "%s: %d\n", step.ioctl, step.result);
                return 2;
            }
        }
        close(fd);
    }
}
