// SPDX-License-Identifier: MIT
//
// What run.sh attaches a tracer to: says that it is there, waits for a line, works, and prints how many
// events its own log hook has seen.
#include <atomic>
#include <cstdio>
#include <cstring>

#include <devres/devm.h>
#include <devres/drm_device.h>
#include <devres/drm_managed.h>

using namespace devres;

namespace {

int attached = 0;
int released = 0;
int removed = 0;

void count(const char* op, devres_head*, const char*, const char*, std::size_t)
{
    ++(std::strcmp(op, "ADD") == 0 ? attached : std::strcmp(op, "REL") == 0 ? released : removed);
}

void put_away(int*) {}

constexpr drm_driver scope{.name = "scope"};

int probe(const bound_device& dev)
{
    static int data = 0;
    for (int i = 0; i < 3; ++i)
        if (int err = devm_add_action(dev, put_away, &data))
            return err;
    devm_remove_action(dev, put_away, &data);
    return 0;
}

constexpr device_driver driver{.name = "driver", .probe = probe, .remove = nullptr};

} // namespace

int main()
{
    std::puts("ready");
    std::fflush(stdout);
    if (std::getchar() == EOF)
        return 1;
    devres_set_log(count);
    device* dev = device_create("traced");
    if (!dev || device_driver_attach(&driver, dev) != 0)
        return 1;
    drm_device* drm = drm_dev_alloc(&scope, dev);
    if (!drm || !drmm_kzalloc(drm, 100) || drm_dev_register(drm, 0) != 0)
        return 1;
    (void)drm_dev_unplug(drm);
    drm_dev_put(drm);
    (void)device_release_driver(dev);
    device_unregister(dev);
    std::printf("attach %d\nrelease %d\nremove %d\n", attached, released, removed);
    return 0;
}
