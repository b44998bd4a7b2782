// SPDX-License-Identifier: MIT
//
// Meeting points for threads. Nothing here sleeps for a time.
#pragma once

#include <latch>
#include <thread>

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

} // namespace devres::test
