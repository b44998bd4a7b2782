// SPDX-License-Identifier: MIT
//
// What gdb is to show: run.sh stops it in look_here().
#include <devres/devm.h>
#include <devres/devres_ptr.h>
#include <devres/drm_managed.h>

using namespace devres;

static void put_away(int*) {}
static void finish(devres_head*, void*) {}

static int data;
static devres_ptr<int> handle;
static devres_ptr<int> empty;
static drm_device* drm;

[[gnu::noinline]] static void look_here(device* dev, devres_head* none)
{
    asm volatile("" : : "r"(dev), "r"(none) : "memory");
}

static int probe(const bound_device& dev)
{
    if (!devm_kzalloc(dev, 40) || devm_add_action(dev, put_away, &data) ||
        devm_add_action<put_away>(dev, &data))
        return -ENOMEM;
    if (!devm_open_group(dev, nullptr))
        return -ENOMEM;
    void* res = devres_alloc(finish, 8, GFP_KERNEL, "irq 7");
    if (!res)
        return -ENOMEM;
    devres_add(dev, res);
    if (int err = devres_ptr<int>::create(dev, &handle, 42))
        return err;
    static const drm_driver of_drm = {.name = "scope"};
    drm = drm_dev_alloc(&of_drm, dev);
    devres_head none;
    look_here(dev, &none);
    drm_dev_put(drm);
    return 0;
}

int main()
{
    const device_driver driver{"probing", probe, nullptr};
    device dev("gpu0");
    return device_register(&dev) || device_driver_attach(&driver, &dev);
}
