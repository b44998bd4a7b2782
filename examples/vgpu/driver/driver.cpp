// SPDX-License-Identifier: MIT
//
// A driver for a display: the code to read first.
//
// Everything is taken in probe and nothing is given back by hand. What belongs to the hardware is attached
// to the device (devm_*, devres_ptr) and goes at unbind: the node that clients open, the thread that is the
// display's clock, the scan-out engine. What belongs to clients is attached to the drm_device (drmm_*) and
// goes when the last of them closes it: the mode objects, blobs, and the memory of buffers. Both newest
// first, and so does the part of it that a failed probe took.
//
// step() lets a test make the next step fail. What the ioctls do is in *_ioctls.cpp; ioctl_table.cpp says
// which of them need the hardware.
#include "driver.h"

#include <cerrno>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include <devres/devm.h>
#include <devres/devres_ptr.h>
#include <devres/drm_managed.h>
#include <devres/drm_registration.h>

#include "../server/node.h"
#include "gpu.h"
#include "ioctl.h"
#include "monitor.h"
#include "scanout.h"
#include "vblank.h"

using namespace devres;

namespace vgpu {
namespace {

const drm_driver vgpu_drm_driver = {
    .name = "vgpu",
    .open = gpu_open,
    .postclose = gpu_postclose,
    .ioctls = gpu_ioctls,
    .num_ioctls = gpu_ioctl_count,
};

display_device& display_of(device* dev)
{
    return static_cast<display_device&>(*dev); // SAFETY: the bus binds this driver to nothing else
}

int step(device* dev, int number)
{
    return display_of(dev).failing_step == number ? -EIO : 0;
}

// A blob that stays as long as the drm_device.
blob* drmm_blob(gpu* g, std::vector<std::uint8_t> bytes)
{
    blob* made = drmm_new<blob>(g, *g, g->modes->next_id++, std::move(bytes));
    if (made)
        made->users = 1;
    return made;
}

// A helper in the manner of devm_clk_get: an eventfd that goes with its owner.
template <managed_owner O>
int managed_eventfd(O* owner)
{
    const int fd = eventfd(0, EFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    const int err = managed::add_action_or_reset(owner, [fd] { close(fd); });
    return err ? err : fd;
}

// Takes the proof that the device is bound: the screen can still be read, without a guard.
void keep_last_frame(const bound_device& dev, gpu* g)
{
    const std::lock_guard held(g->lock);
    display_of(dev).last_frame = g->display.access(dev)->compose();
}

int vgpu_probe(const bound_device& dev)
{
    display_device& display = display_of(dev);

    if (int err = step(dev, 1))
        return err;
    gpu* g = devm_drm_dev_alloc<gpu>(dev, &vgpu_drm_driver, display.card, display.devres_memory);
    if (!g)
        return -ENOMEM;
    dev_set_drvdata(dev, g);

    if (int err = step(dev, 2))
        return err;
    g->modes = drmm_new<mode_config>(g, display.card);
    if (!g->modes)
        return -ENOMEM;
    g->modes->edid = drmm_blob(g, make_edid());
    g->modes->format_list = drmm_blob(g, make_format_list());
    if (!g->modes->edid || !g->modes->format_list)
        return -ENOMEM;

    if (int err = step(dev, 3))
        return err;
    g->leaving = managed_eventfd(g);
    if (g->leaving < 0)
        return g->leaving;

    if (int err = step(dev, 4))
        return err;
    if (int err = devres_ptr<scanout>::create(dev, &g->display, *g))
        return err;

    if (int err = step(dev, 5))
        return err;
    if (!devm_new<vblank_thread>(dev, *g, *g->display.access(dev)))
        return -ENOMEM;

    if (int err = step(dev, 6))
        return err;
    if (int err = devm_add_action_or_reset(dev, keep_last_frame, g))
        return err;

    if (int err = step(dev, 7))
        return err;
    auto* node = devm_new<device_node>(dev, display.server, display.card, g);
    if (!node)
        return -ENOMEM;
    if (int err = node->appear())
        return err;

    if (int err = step(dev, 8))
        return err;
    return drm_registration::create_owned_by_device(dev, g);
}

// Unbind waits for everybody inside, so nobody in there may go on waiting for a client's memory.
void vgpu_remove(const bound_device& dev)
{
    const auto* g = static_cast<gpu*>(dev_get_drvdata(dev)); // SAFETY: set by probe
    eventfd_write(g->leaving, 1);
}

} // namespace

constinit const device_driver vgpu_driver = {.name = "vgpu", .probe = vgpu_probe, .remove = vgpu_remove};

display_device::display_device(const char* name, int card_number, card_server& nodes, device* hub,
                               std::pmr::memory_resource* memory)
    : device(
          name, hub, [](device* dev) { delete &display_of(dev); }, memory),
      card(card_number),
      server(nodes),
      devres_memory(memory),
      lived(owned_by::drm_device, "device", card_number)
{
    device_register(this);
}

namespace {

// Calls f(const scanout&) under the lock, if there is one.
template <class F>
auto look(device* dev, F f)
{
    auto* g = static_cast<gpu*>(dev_get_drvdata(dev)); // SAFETY: set by probe, null while not bound
    const auto display = g ? g->display.try_access() : devres_ptr<scanout>::guard();
    if (!display)
        return decltype(f(*display))();
    const std::lock_guard held(g->lock);
    return f(*display);
}

} // namespace

image snapshot(device* dev)
{
    return look(dev, [](const scanout& display) { return display.compose(); });
}

bool is_lit(device* dev)
{
    return look(dev, [](const scanout& display) { return display.now().is_on(); });
}

} // namespace vgpu
