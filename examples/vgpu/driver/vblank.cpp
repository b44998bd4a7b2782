// SPDX-License-Identifier: MIT
#include "vblank.h"

#include <chrono>

#include "monitor.h"
#include "scanout.h"

namespace vgpu {

vblank_thread::vblank_thread(gpu& g, scanout& display)
    : gpu_(g),
      display_(display),
      lived_(owned_by::device, "vblank thread", g.card),
      thread_([this] { run(); })
{
}

vblank_thread::~vblank_thread()
{
    {
        const std::lock_guard held(gpu_.lock);
        stopping_ = true;
    }
    gpu_.flipped.notify_all();
    thread_.join();
    const std::lock_guard held(gpu_.lock);
    display_.end(now_ns());
}

void vblank_thread::run()
{
    using clock = std::chrono::steady_clock; // CLOCK_MONOTONIC, as now_ns()
    std::unique_lock held(gpu_.lock);
    while (!stopping_) {
        if (!display_.now().is_on()) {
            gpu_.flipped.wait(held);
            continue;
        }
        const std::int64_t period = period_ns(display_.now().mode_info());
        std::int64_t due = display_.time_ns() + period;
        if (due <
            now_ns()) // it was dark, or this machine is slow: vblanks that were missed are not made up for
            due = now_ns() + period;
        const clock::time_point at{std::chrono::nanoseconds(due)};
        gpu_.flipped.wait_until(held, at, [&] { return stopping_ || !display_.now().is_on(); });
        if (stopping_ || !display_.now().is_on())
            continue;
        display_.tick(due);
        held.unlock();
        drm_wake_up(&gpu_);
        held.lock();
    }
}

} // namespace vgpu
