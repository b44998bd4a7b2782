// SPDX-License-Identifier: MIT
//
// The daemon and displays for tests, and clients that are threads of the test.
#pragma once

#include <cerrno>
#include <optional>
#include <string>

#include <fcntl.h>

#include <gtest/gtest.h>

#include "../run/bus.h"
#include "../run/usage.h"
#include "../server/server.h"
#include "../server/trace.h"
#include "tour.h"

extern "C" {
#include "../shim/shim.h"
}

namespace vgpu::test {

// One for the process: the shim looks up its folder once.
server& daemon();

inline const calls shim_calls{shim_ioctl, shim_mmap};

// Opens a card as a client does. Returns: a descriptor, or -errno.
int open_card(int card = 0, int flags = O_CLOEXEC);
int call(int fd, unsigned long command, void* argument);

class VgpuTest : public testing::Test {
protected:
    VgpuTest();
    // Nothing is left over: open files, threads, mappings, managed bytes, misuse.
    ~VgpuTest() override;

    void plug_in(int cards = 1) { ASSERT_EQ(0, displays->plug_in(cards)); }

    // The thread's connection to the daemon, which stays as long as it, is there before anything is counted.
    const int ignored_;
    const usage before_;
    std::optional<bus> displays;
};

} // namespace vgpu::test
