// SPDX-License-Identifier: MIT
//
// Probe as an onion: whichever step fails, what was taken before it goes again, newest first, and nothing
// else.
#include <algorithm>
#include <cerrno>

#include "demo.h"
#include "hardware.h"
#include "leak_check.h"

using namespace devres;

namespace hotunplug {
namespace {

int steps_seen = 0;
int failing_step = 0;

} // namespace

void fail_step(int n)
{
    steps_seen = 0;
    failing_step = n;
}

int step(resource what, const char* text)
{
    if (++steps_seen == failing_step) {
        failed(what, "made to fail: -EIO");
        return -EIO;
    }
    taken(what, text);
    return 0;
}

void run_fail_probe(int n, checks& all)
{
    hardware instrument;
    leak_check_start();
    const usage before = usage_now();

    mark(driver_lane, event::heading, "a device is plugged in, and step %d of its driver's probe fails", n);
    line_device* dev = plug_in(instrument.line());
    fail_step(n);
    const int err = device_driver_attach(&scope_driver, dev);
    note(driver_lane, "probe's error comes back, the device is as before");
    all.expect(err == -EIO, "device_driver_attach returned " + std::to_string(err));
    all.expect(dev_driver(dev) == nullptr && dev_get_drvdata(dev) == nullptr,
               "the device has no driver and no data");

    // The device itself is taken and released by who plugs it in; the rest is probe's.
    std::vector<resource> took = resources(event::taken);
    std::vector<resource> expected(static_cast<std::size_t>(n));
    std::ranges::generate(expected, [i = 0]() mutable { return static_cast<resource>(i++); });
    all.expect_order("taken before the step that failed", expected, took);
    took.erase(took.begin());
    std::ranges::reverse(took);
    all.expect_order("released, newest first", took, resources(event::released));

    device_unregister(dev);
    took.push_back(resource::device);
    all.expect_order("and then the device itself", took, resources(event::released));
    if (std::ranges::count(took, resource::line)) {
        const int stops = instrument.stops_after_close();
        const int expected_stops = static_cast<int>(std::ranges::count(took, resource::capture));
        all.expect(stops == expected_stops,
                   "times that the hardware was told to stop: " + std::to_string(stops));
    }
    check_leaks(all, before);
    all.expect(instrument.join(), "the hardware's process ended well");
}

} // namespace hotunplug
