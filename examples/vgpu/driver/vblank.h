// SPDX-License-Identifier: MIT
//
// The thread that stands for the display's clock. It ends with the device, and then sends every event that a
// client still waits for: a client that waits for a flip would otherwise wait for ever.
#pragma once

#include <thread>

#include "gpu.h"
#include "lifetime.h"

namespace vgpu {

class vblank_thread {
public:
    vblank_thread(gpu& g, scanout& display);
    ~vblank_thread();
    vblank_thread(const vblank_thread&) = delete;
    vblank_thread& operator=(const vblank_thread&) = delete;

private:
    void run();

    gpu& gpu_;
    scanout& display_;
    bool stopping_ = false; // guarded by gpu::lock
    lifetime lived_;
    std::thread thread_;
};

} // namespace vgpu
