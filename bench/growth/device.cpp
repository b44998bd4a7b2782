// SPDX-License-Identifier: MIT
//
// Growth of the device adapter: binding, containers, references.
#include "growth/case.h"

#include "access/payload.h"

#include <devres/devres_ptr.h>
#include <devres/drm_device.h>
#include <devres/drm_registration.h>

#include <array>
#include <memory>
#include <vector>

using namespace devres;

namespace bench::growth {

namespace {

using container = devres_ptr<payload>;

constexpr drm_driver graphics{.name = "bench"};

struct world;

using fill_fn = void (*)(world& w, const bound_device& bound, std::size_t n);
using bound_fn = void (*)(world& w, const bound_device& bound, counting& count);
using run_fn = void (*)(world& w, counting& count);

struct world {
    std::size_t n = 0;
    fill_fn fill = nullptr;
    bound_fn in_probe = nullptr;
    counting* count = nullptr;

    std::vector<container> containers;
    std::vector<drm_device*> members;
    std::vector<device*> devices;
    container other; // of the last of the other devices
    cell c;
    device* dev = device_create("bench");

    world() { require(dev != nullptr); }
    world(const world&) = delete;
    world& operator=(const world&) = delete;
    ~world()
    {
        for (drm_device* drm : members)
            drm_dev_put(drm);
        require(device_unregister(dev) == 0);
        for (device* another : devices)
            require(device_unregister(another) == 0);
    }
};

int probe(const bound_device& bound)
{
    auto& w = *static_cast<world*>(dev_get_drvdata(bound));
    w.fill(w, bound, w.n);
    if (w.in_probe)
        w.in_probe(w, bound, *w.count);
    return 0;
}

constexpr device_driver driver{.name = "bench", .probe = probe, .remove = nullptr};
constexpr device_driver empty_driver{
    .name = "empty", .probe = [](const bound_device&) { return 0; }, .remove = nullptr};

// --- The numbers -------------------------------------------------------------------------------------------

void fill_resources(world& w, const bound_device& bound, std::size_t n)
{
    for (std::size_t i = 0; i < n; ++i)
        require(devm_add_action(bound, fire, &w.c) == 0);
}

void fill_containers(world& w, const bound_device& bound, std::size_t n)
{
    w.containers.resize(n);
    for (container& handle : w.containers)
        require(container::create(bound, &handle) == 0);
}

void fill_members(world& w, const bound_device& bound, std::size_t n)
{
    for (std::size_t i = 0; i < n; ++i) {
        w.members.push_back(drm_dev_alloc(&graphics, bound));
        require(w.members.back() != nullptr);
        require(drm_registration::create_owned_by_device(bound, w.members.back()) == 0);
    }
}

int probe_other(const bound_device& bound)
{
    auto& w = *static_cast<world*>(dev_get_drvdata(bound));
    return container::create(bound, &w.other);
}

constexpr device_driver other_driver{.name = "other", .probe = probe_other, .remove = nullptr};

void fill_devices(world& w, const bound_device&, std::size_t n)
{
    for (std::size_t i = 0; i < n; ++i) {
        w.devices.push_back(device_create("bench"));
        require(w.devices.back() != nullptr);
        dev_set_drvdata(w.devices.back(), &w);
        require(device_driver_attach(&other_driver, w.devices.back()) == 0);
    }
}

// --- Operations inside a binding ---------------------------------------------------------------------------

using handles = std::array<container, repeat>;

void make(const bound_device& bound, handles& all)
{
    for (container& handle : all)
        require(container::create(bound, &handle) == 0);
}

void create(world&, const bound_device& bound, counting& count)
{
    handles all;
    count(repeat, [&] { make(bound, all); });
}

void try_access(world&, const bound_device& bound, counting& count)
{
    handles all;
    make(bound, all);
    count(repeat, [&] {
        for (container& handle : all)
            require(handle.try_access()->read() == 1);
    });
}

void access(world&, const bound_device& bound, counting& count)
{
    handles all;
    make(bound, all);
    count(repeat, [&] {
        for (container& handle : all)
            require(handle.access(bound)->read() == 1);
    });
}

void revoke(world&, const bound_device& bound, counting& count)
{
    handles all;
    make(bound, all);
    count(repeat, [&] {
        for (container& handle : all)
            require(handle.revoke());
    });
}

void revoke_nowait(world&, const bound_device& bound, counting& count)
{
    handles all;
    make(bound, all);
    count(repeat, [&] {
        for (container& handle : all)
            require(handle.revoke(nowait));
    });
}

void copy_and_drop(world&, const bound_device& bound, counting& count)
{
    handles all;
    make(bound, all);
    count(repeat, [&] {
        for (container& handle : all)
            container(handle).reset();
    });
}

void drop_last(world&, const bound_device& bound, counting& count)
{
    handles all;
    make(bound, all);
    count(repeat, [&] {
        for (container& handle : all)
            handle.reset();
    });
}

void bound_action(world& w, const bound_device& bound, counting& count)
{
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            require(devm_add_action(bound, fire, &w.c) == 0);
    });
}

// --- Operations on a bound device --------------------------------------------------------------------------

void get_and_put(world& w, counting& count)
{
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            put_device(get_device(w.dev));
    });
}

void unbind(world& w, counting& count)
{
    count(1, [&] { require(device_release_driver(w.dev) == 0); });
}

void bind_and_unbind_again(world& w, counting& count)
{
    require(device_release_driver(w.dev) == 0);
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i) {
            require(device_driver_attach(&empty_driver, w.dev) == 0);
            require(device_release_driver(w.dev) == 0);
        }
    });
}

void drop_after_unbind(world& w, counting& count)
{
    require(device_release_driver(w.dev) == 0);
    count(w.containers.size(), [&] {
        for (container& handle : w.containers)
            handle.reset();
    });
}

void unregister(world& w, counting& count)
{
    device* dev = device_create("bench");
    dev_set_drvdata(dev, &w);
    std::swap(dev, w.dev);
    count(1, [&] { require(device_unregister(dev) == 0); });
}

void life_of_a_device(world&, counting& count)
{
    count(repeat, [] {
        for (std::size_t i = 0; i < repeat; ++i)
            require(device_unregister(device_create("bench")) == 0);
    });
}

// --- The table ---------------------------------------------------------------------------------------------

struct row {
    const char* operation;
    bound_fn in_probe;
    run_fn run;
    int resources = constant;  // on the device
    int containers = constant; // of the binding
    int members = constant;    // drm_devices that end with the binding
    int devices = constant;    // other ones, bound, each with a container
};

void add(const row& r, const char* number, int allowed, fill_fn fill)
{
    // An owned registration takes some tens of microseconds under callgrind, so there are fewer of them.
    const bool members = fill == fill_members;
    std::vector<std::size_t> sizes =
        members ? std::vector<std::size_t>{20, 200, 2000} : std::vector<std::size_t>{100, 1000, 10000};
    add_case({"device", r.operation, number, allowed, std::move(sizes), [=](std::size_t n, counting& count) {
                  world w;
                  w.n = n;
                  w.fill = fill;
                  w.in_probe = r.in_probe;
                  w.count = &count;
                  dev_set_drvdata(w.dev, &w);
                  require(device_driver_attach(&driver, w.dev) == 0);
                  if (r.run)
                      r.run(w, count);
              }});
}

constexpr row bound(const char* operation, bound_fn run)
{
    return {operation, run, nullptr};
}

constexpr row ends_each(const char* operation, run_fn run)
{
    return {operation, nullptr, run, each, each, each, constant};
}

const bool registered = [] {
    for (const row& r : {
             bound("devm_add_action with the proof", bound_action),
             bound("devres_ptr::create", create),
             bound("devres_ptr::try_access", try_access),
             bound("devres_ptr::access", access),
             bound("devres_ptr::revoke", revoke),
             bound("devres_ptr::revoke(nowait)", revoke_nowait),
             bound("devres_ptr copied and dropped", copy_and_drop),
             bound("devres_ptr dropped, the last handle", drop_last),
             row{"get_device, put_device", nullptr, get_and_put},
             ends_each("device_release_driver", unbind),
             ends_each("device_unregister, bound", unregister),
             row{"device_driver_attach, device_release_driver, empty", nullptr, bind_and_unbind_again},
             row{"devres_ptr dropped after unbind", nullptr, drop_after_unbind, skip, constant, skip, skip},
             row{"device_create, device_unregister", nullptr, life_of_a_device},
         }) {
        add(r, "resources", r.resources, fill_resources);
        add(r, "containers", r.containers, fill_containers);
        add(r, "members", r.members, fill_members);
        add(r, "devices", r.devices, fill_devices);
    }
    return true;
}();

} // namespace

} // namespace bench::growth
