// SPDX-License-Identifier: MIT
//
// Meeting points for threads. Nothing here sleeps for a time.
#pragma once

#include <fstream>
#include <latch>
#include <string>
#include <thread>

#include <sys/types.h>

#include <devres/env/lock.h>

namespace devres::test {

// Opened once; who comes before waits.
class doorway {
public:
    void open() { latch_.count_down(); }
    void pass() const { latch_.wait(); }
    bool is_open() const { return latch_.try_wait(); }

private:
    std::latch latch_{1};
};

// Gives other threads a chance to go wrong; nothing depends on whether they take it.
inline void linger()
{
    for (int i = 0; i < 20; ++i)
        std::this_thread::yield();
}

// Returns when `n` threads sleep on words of the library, or are about to and would see each later change.
// Waits for readers do not count.
inline void await_sleepers(unsigned n)
{
    using lot = detail::park;
    while ((detail::parking_lot.sleepers.load() & ~lot::fenced) != n)
        std::this_thread::yield();
}

// Returns when the kernel says that a thread of this process sleeps.
inline void await_asleep(pid_t thread)
{
    const std::string name = "/proc/self/task/" + std::to_string(thread) + "/stat";
    for (;;) {
        std::string line;
        std::getline(std::ifstream(name), line);
        const std::size_t state = line.rfind(')') + 2; // behind the thread's name
        if (state < line.size() && line[state] == 'S')
            return;
        std::this_thread::yield();
    }
}

} // namespace devres::test
