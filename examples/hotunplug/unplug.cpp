// SPDX-License-Identifier: MIT
//
// The life of a device daemon, from plugging in to the last close, with the plug pulled in the middle.
//
// Each wait here is for a word from somebody who has got there: nothing depends on time.
#include <algorithm>
#include <cstring>
#include <memory>

#include "client.h"
#include "demo.h"
#include "hardware.h"
#include "leak_check.h"
#include "notice.h"
#include "protocol.h"
#include "server.h"

using namespace devres;

namespace hotunplug {
namespace {

constexpr char plug_in_heading[] = "plugged in: the driver probes";
constexpr char work_heading[] = "clients at work";
constexpr char unplug_heading[] = "unplugged: every client is inside a call, and the driver unbinds";
constexpr char after_heading[] = "unbound: what the clients still have";
constexpr char close_heading[] = "the clients close, one after another; the last close ends the drm_device";

void heading(const char* text)
{
    mark(driver_lane, event::heading, "%s", text);
}

int count(const std::vector<client>& clients, habit what)
{
    return static_cast<int>(std::ranges::count(clients, what, &client::does));
}

bool tell_all(const std::vector<client>& clients, char word)
{
    return std::ranges::all_of(clients, [word](const client& c) { return send(c.control(), word); });
}

bool hear_all(const std::vector<client>& clients, char word)
{
    return std::ranges::all_of(clients, [word](const client& c) { return await(c.control(), word); });
}

// All open it and measure.
bool let_work(const std::vector<client>& clients)
{
    return tell_all(clients, go_word) && hear_all(clients, working_word);
}

// All are inside a call, or keep calling; then the plug is pulled and the reader sees it.
bool pull_plug(const std::vector<client>& clients, hardware& instrument)
{
    if (!instrument.hold() || !tell_all(clients, go_word) ||
        !await_notices(notice::asleep, count(clients, habit::waits)) ||
        !instrument.await_unanswered(count(clients, habit::measures)))
        return false;
    for (const client& c : clients)
        if (c.does() == habit::polls && !await(c.control(), working_word))
            return false;
    return instrument.pull() && await_notices(notice::hang_up, 1);
}

bool is_released(resource which)
{
    const std::vector<resource> all = resources(event::released);
    return std::ranges::find(all, which) != all.end();
}

void check_order(checks& all)
{
    using enum resource;
    all.expect_order("taken by probe",
                     {device, drm_device, memfd, mapping, line, eventfd, reader, capture, registration},
                     resources(event::taken));
    all.expect_order("released at unbind, newest first", {registration, capture, reader, eventfd, line},
                     resources(event::released, unplug_heading));
    all.expect_order("released at the last close", {mapping, memfd, drm_device, device},
                     resources(event::released, close_heading));
}

} // namespace

line_device* plug_in(const std::string& line)
{
    const auto end = [](device* dev) {
        delete static_cast<line_device*>(dev); // SAFETY: made below
        released(resource::device, "freed");
    };
    auto* dev = new line_device("scope0", line, end, &counted_memory());
    device_register(dev);
    taken(resource::device, "registered: a driver can be bound");
    return dev;
}

void run_unplug(int client_count, checks& all)
{
    // Processes before threads.
    std::vector<client> clients;
    for (int i = 1; i <= client_count; ++i)
        clients.emplace_back(i);
    hardware instrument;
    notices_start();
    leak_check_start();
    const usage before = usage_now();

    heading(plug_in_heading);
    line_device* dev = plug_in(instrument.line());
    const int err = device_driver_attach(&scope_driver, dev);
    all.expect(err == 0, "device_driver_attach returned " + std::to_string(err));
    if (err) {
        device_unregister(dev);
        return;
    }

    heading(work_heading);
    std::vector<std::unique_ptr<server>> servers;
    servers.reserve(clients.size());
    for (const client& c : clients)
        servers.push_back(std::make_unique<server>(scope_drm_device(dev), c.requests()));
    const bool worked = let_work(clients);
    all.expect(worked, "every client opened the device, measured, and read what the hardware sent");
    const usage busy = usage_now();
    all.expect(busy.shared_mappings == 1 && busy.bytes > 0 && busy.threads > clients.size(),
               "while it worked, there was something to leak");

    heading(unplug_heading);
    all.expect(worked && pull_plug(clients, instrument),
               "every client was inside a call when the plug was pulled");
    note(driver_lane, "main loop: device_release_driver");
    all.expect(device_release_driver(dev) == 0, "device_release_driver returned 0");
    note(driver_lane, "unbound; clients hold the drm_device, so it stays");
    device_unregister(dev); // the bus forgets the device; the drm_device holds a reference on it
    all.expect(hear_all(clients, gone_word), "every client got -ENODEV");

    heading(after_heading);
    all.expect(tell_all(clients, go_word) && hear_all(clients, done_word),
               "no client could open the device again, and each kept its memory");
    all.expect(!is_released(resource::drm_device) && !is_released(resource::device),
               "unbound and unregistered, device and drm_device lived on for the clients");

    heading(close_heading);
    bool lived = true, closed_well = true;
    for (std::size_t i = 0; i < clients.size(); ++i) {
        lived = lived && !is_released(resource::drm_device);
        send(clients[i].control(), close_word);
        closed_well = clients[i].join() && closed_well;
        servers[i].reset();
    }
    all.expect(lived, "the drm_device was there until the last client closed");
    all.expect(closed_well, "every client's process ended well");
    check_order(all);
    all.expect(instrument.join(), "the hardware's process ended well");

    note(driver_lane, "before: %s", describe(before).c_str());
    note(driver_lane, "during: %s", describe(busy).c_str());
    note(driver_lane, "after:  %s", describe(usage_now()).c_str());
    check_leaks(all, before);
}

} // namespace hotunplug
