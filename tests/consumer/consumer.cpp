// SPDX-License-Identifier: MIT
//
// All three libraries, from the outside: a device, a drm_device that outlives its unbind, an owner of the
// user's own, and one helper that serves them all.
#include <cstdio>
#include <cstring>

#include <devres/devm.h>
#include <devres/devres_ptr.h>
#include <devres/drm_device.h>
#include <devres/drm_managed.h>
#include <devres/drm_registration.h>
#include <devres/managed.h>
#include <devres/revocable.h>

using namespace devres;

namespace {

char trace[64];

void note(const char* step)
{
    std::strcat(trace, step);
}

struct gpu : drm_device {
    int* registers = nullptr;
};

struct session {
    ~session() { devres_drain(&devres); }
    devres_head devres;
};

template <managed_owner Owner>
int hold(Owner* owner, const char* step)
{
    return managed::add_action_or_reset(owner, note, step);
}

const drm_driver driver = {.name = "consumer"};
gpu* instance;

int probe(const bound_device& bound)
{
    device* dev = bound;
    if (!devm_kzalloc(dev, 64, GFP_KERNEL) || devm_add_action_or_reset(dev, note, "1"))
        return -ENOMEM;
    instance = devm_drm_dev_alloc<gpu>(dev, &driver);
    if (!instance)
        return -ENOMEM;
    instance->registers = static_cast<int*>(drmm_kzalloc(instance, sizeof(int)));
    if (!instance->registers || drmm_add_action_or_reset(instance, note, "2") || hold(instance, "3"))
        return -ENOMEM;
    return hold(dev, "4");
}

} // namespace

int main()
{
    const device_driver consumer = {.name = "consumer", .probe = probe, .remove = nullptr};
    device dev("uart0");
    if (device_register(&dev) || device_driver_attach(&consumer, &dev))
        return 1;
    drm_dev_get(instance);
    if (device_release_driver(&dev))
        return 2;
    note(",");
    drm_dev_put(instance);
    note(",");
    {
        session s;
        if (hold(&s, "5") || hold(&s, "6"))
            return 3;
    }
    device_del(&dev);
    std::printf("released %s\n", trace);
    return std::strcmp(trace, "41,32,65") == 0 && devres_warn_count() == 0 ? 0 : 4;
}
