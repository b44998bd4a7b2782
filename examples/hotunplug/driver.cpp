// SPDX-License-Identifier: MIT
//
// A driver for an instrument on a serial line: the code to read first.
//
// Everything is taken in probe and nothing is given back by hand. What belongs to the hardware is attached
// to the device (devm_*, devres_ptr) and goes at unbind. What belongs to clients is attached to the
// drm_device (drmm_*) and goes when the last of them closes it. Both newest first, and so does the part of
// it that a failed probe took.
//
// step() announces the next step to the timeline and makes it fail if the user asked for that; taken() and
// released() are the timeline's, too. The rest is a driver.
#include "driver.h"

#include <cerrno>
#include <condition_variable>
#include <iterator>
#include <mutex>

#include <sys/mman.h>
#include <unistd.h>

#include <devres/devm.h>
#include <devres/devres_ptr.h>
#include <devres/drm_managed.h>
#include <devres/drm_registration.h>
#include <devres/posix.h>

#include "leak_check.h"
#include "line.h"
#include "notice.h"

using namespace devres;

namespace hotunplug {
namespace {

// What clients hold open. It outlives the hardware.
struct scope : drm_device {
    scope() : drm_device(&counted_memory()) {}
    ~scope() { released(resource::drm_device, "destroyed, its memory is given back"); }

    int memfd = -1;            // the clients' memory ...
    samples* memory = nullptr; // ... and the driver's view of it
    devres_ptr<line> tty;      // the hardware: there or not
    bool visible = false;

    std::mutex lock;
    std::condition_variable answered;
    std::uint32_t asked = 0; // blocks asked for; guarded by lock, as is the next
    bool leaving = false;    // nobody may wait for the hardware any more
};

// --- Release -------------------------------------------------------

// Tells the timeline when the resource that is attached next has gone: what is older is released later.
template <managed_owner_ref R>
int tell_end_of_next(const R& owner, resource what, const char* how)
{
    return managed::add_action(owner, [what, how] { released(what, how); });
}

// Takes the proof that the device is bound: the line can still be reached, without a guard.
void stop_capture(const bound_device& dev, scope* s)
{
    const bool told = s->tty.access(dev)->command(stop_command) == 0;
    released(resource::capture,
             told ? "the hardware was told to stop" : "cannot be told to stop: it is gone");
}

// --- What the line brings: on the reader's thread --------------------------------------------------------

void store_block(scope* s, const block& b)
{
    const std::uint32_t n = s->memory->complete.load(std::memory_order_relaxed);
    if (n == samples::capacity)
        return;
    s->memory->blocks[n] = b;
    {
        const std::lock_guard held(s->lock);
        s->memory->complete.store(n + 1, std::memory_order_release);
    }
    s->answered.notify_all();
    drm_wake_up(s);
}

void line_hung_up()
{
    note(driver_lane, "reader: the line hangs up; tells the main loop");
    notify(notice::hang_up);
}

// --- What clients ask for --------------------------------------------------------------------------------

scope* scope_of(drm_device* drm)
{
    return static_cast<scope*>(drm);
}

long scope_memory(drm_device* drm, void*, drm_file*)
{
    return scope_of(drm)->memfd;
}

// Guarded: the hardware cannot go while this runs, so it must not wait for ever; see scope_remove.
long scope_measure(const drm_dev_guard& inside, void*, drm_file*)
{
    scope* s = scope_of(inside.device());
    const auto tty = s->tty.try_access();
    if (!tty)
        return -ENODEV;

    std::unique_lock held(s->lock);
    const std::uint32_t mine = ++s->asked;
    if (const int err = tty->command(measure_command))
        return err;
    s->answered.wait(held, [&] { return s->memory->complete >= mine || s->leaving; });
    return s->memory->complete >= mine ? long{mine} : -ENODEV;
}

// Between the hang-up and the unbind the hardware is gone and the line is not: -EIO, as from any terminal.
long scope_waiting(drm_device* drm, void*, drm_file*)
{
    return scope_of(drm)->tty.try_access_with([](line& tty) { return tty.waiting(); }).value_or(-ENODEV);
}

// May sleep for long, outside of the section: unplug wakes it.
long scope_wait(drm_device* drm, void* arg, drm_file*)
{
    scope* s = scope_of(drm);
    const std::uint32_t wanted = *static_cast<const std::uint32_t*>(arg); // SAFETY: what this ioctl takes
    note(driver_lane, "a client's wait goes to sleep");
    notify(notice::asleep);
    const int err = drm_wait_event(drm, [&] { return s->memory->complete >= wanted; });
    return err ? err : long{s->memory->complete};
}

void scope_unmap(drm_device* drm, drm_file*)
{
    if (std::exchange(scope_of(drm)->visible, false))
        released(resource::registration, "unplugged: nobody gets in any more");
}

void scope_release(drm_device*)
{
    note(driver_lane, "the last reference is gone: drm_driver::release");
}

constexpr drm_ioctl_desc scope_ioctls[] = {
    {.name = "memory", .func = scope_memory},
    {.name = "measure", .guarded = scope_measure},
    {.name = "waiting", .func = scope_waiting},
    {.name = "wait", .func = scope_wait},
};

constexpr drm_driver scope_drm_driver = {
    .name = "scope",
    .release = scope_release,
    .ioctls = scope_ioctls,
    .num_ioctls = std::size(scope_ioctls),
    .unmap = scope_unmap,
};

// --- Probe and remove ------------------------------------------------------------------------------------

int scope_probe(const bound_device& dev)
{
    if (int err = step(resource::drm_device, "what clients open"))
        return err;
    auto* s = devm_drm_dev_alloc<scope>(dev, &scope_drm_driver);
    if (!s)
        return -ENOMEM;
    dev_set_drvdata(dev, s);

    if (int err = step(resource::memfd, "the clients' memory: theirs until the last close"))
        return err;
    const char* name = drmm_kasprintf(s, "%s-samples", dev_name(dev));
    if (!name)
        return -ENOMEM;
    if (int err = tell_end_of_next(s, resource::memfd, "closed"))
        return err;
    s->memfd = managed::adopt_fd(s, memfd_create(name, MFD_CLOEXEC));
    if (s->memfd < 0)
        return s->memfd;

    if (int err = step(resource::mapping, "the driver's view of it"))
        return err;
    if (ftruncate(s->memfd, sizeof(samples)))
        return -errno;
    if (int err = tell_end_of_next(s, resource::mapping, "unmapped"))
        return err;
    void* memory = nullptr;
    if (int err = managed::map(s, &memory, sizeof(samples), PROT_READ | PROT_WRITE, MAP_SHARED, s->memfd))
        return err;
    s->memory = new (memory) samples;

    if (int err = step(resource::line, "the hardware's; gone at unbind"))
        return err;
    device* parent = dev;
    unique_fd fd = open_line(static_cast<line_device*>(parent)->line.c_str());
    if (!fd)
        return -errno;
    if (int err = devres_ptr<line>::create(dev, &s->tty, std::move(fd)))
        return err;

    if (int err = step(resource::eventfd, "stops the reader"))
        return err;
    if (int err = tell_end_of_next(dev, resource::eventfd, "closed"))
        return err;
    const int stop = managed::eventfd(dev);
    if (stop < 0)
        return stop;

    if (int err = step(resource::reader, "a thread that listens to the line"))
        return err;
    line* tty = s->tty.access(dev);
    if (!devm_new<reader>(
            dev, tty->fd(), stop, [s](const block& b) { store_block(s, b); }, line_hung_up))
        return -ENOMEM;

    if (int err = step(resource::capture, "the hardware is told to start"))
        return err;
    s->asked = 1;
    if (int err = tty->command(start_command))
        return err;
    if (int err = devm_add_action_or_reset(dev, stop_capture, s))
        return err;

    if (int err = step(resource::registration, "from here on clients can open it"))
        return err;
    if (int err = drm_registration::create_owned_by_device(dev, s))
        return err;
    s->visible = true;
    return 0;
}

// Unbind waits for everybody inside, so whoever waits for the hardware in there has to be woken first.
void scope_remove(const bound_device& dev)
{
    auto* s = static_cast<scope*>(dev_get_drvdata(dev)); // SAFETY: set by probe
    note(driver_lane, "remove: wakes whoever waits for the hardware");
    {
        const std::lock_guard held(s->lock);
        s->leaving = true;
    }
    s->answered.notify_all();
}

} // namespace

constinit const device_driver scope_driver = {.name = "scope", .probe = scope_probe, .remove = scope_remove};

drm_device* scope_drm_device(device* dev)
{
    return static_cast<scope*>(dev_get_drvdata(dev));
}

} // namespace hotunplug
