// SPDX-License-Identifier: MIT
//
// Growth of the drm adapter: visibility, files, the section.
#include "growth/case.h"

#include <devres/drm_device.h>
#include <devres/drm_managed.h>
#include <devres/drm_registration.h>

#include <array>
#include <memory>
#include <vector>

using namespace devres;

namespace bench::growth {

namespace {

long answer(drm_device*, void*, drm_file*)
{
    return 1;
}

long answer_guarded(const drm_dev_guard&, void*, drm_file*)
{
    return 1;
}

constexpr drm_ioctl_desc commands[] = {{.name = "answer", .func = answer},
                                       {.name = "guarded", .guarded = answer_guarded}};
constexpr drm_driver plain{.name = "bench", .ioctls = commands, .num_ioctls = 2};
constexpr drm_driver with_unmap{
    .name = "bench", .ioctls = commands, .num_ioctls = 2, .unmap = [](drm_device*, drm_file*) {}};

struct world {
    device parent{"bench"};
    drm_device* drm;
    std::vector<drm_file*> files;
    std::vector<drm_device*> others;
    cell c;

    explicit world(const drm_driver* driver) : drm(drm_dev_alloc(driver, &parent))
    {
        require(drm != nullptr);
        require(drm_dev_register(drm) == 0);
    }
    world(const world&) = delete;
    world& operator=(const world&) = delete;
    ~world()
    {
        for (drm_file* file : files)
            drm_close(file);
        drm_dev_put(drm);
        for (drm_device* other : others)
            drm_dev_put(other);
    }

    drm_file* open()
    {
        drm_file* file = nullptr;
        require(drm_open(drm, &file) == 0);
        return file;
    }
};

void fill_files(world& w, std::size_t n)
{
    for (std::size_t i = 0; i < n; ++i)
        w.files.push_back(w.open());
}

void fill_resources(world& w, std::size_t n)
{
    for (std::size_t i = 0; i < n; ++i)
        require(drmm_add_action(w.drm, fire, &w.c) == 0);
}

void fill_devices(world& w, std::size_t n)
{
    for (std::size_t i = 0; i < n; ++i) {
        w.others.push_back(drm_dev_alloc(&plain, &w.parent));
        require(w.others.back() != nullptr);
        require(drm_dev_register(w.others.back()) == 0);
    }
}

// --- Operations --------------------------------------------------------------------------------------------

void enter_and_exit(world& w, counting& count)
{
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i) {
            int idx;
            require(drm_dev_enter(w.drm, &idx));
            drm_dev_exit(idx);
        }
    });
}

void get_and_put(world& w, counting& count)
{
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            drm_dev_put(drm_dev_get(w.drm));
    });
}

void unregister_and_register(world& w, counting& count)
{
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i) {
            drm_dev_unregister(w.drm);
            require(drm_dev_register(w.drm) == 0);
        }
    });
}

void unplug(world& w, counting& count)
{
    count(1, [&] { require(drm_dev_unplug(w.drm) == 0); });
}

void wake_up(world& w, counting& count)
{
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            drm_wake_up(w.drm);
    });
}

void registration(world& w, counting& count)
{
    drm_device* drm = drm_dev_alloc(&plain, &w.parent);
    count(1, [&] {
        drm_registration visible;
        require(drm_registration::create(drm, &visible) == 0);
    });
    drm_dev_put(drm);
}

void life_of_a_drm_device(world& w, counting& count)
{
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            drm_dev_put(drm_dev_alloc(&plain, &w.parent));
    });
}

void last_put(world& w, counting& count)
{
    for (drm_file* file : w.files)
        drm_close(file);
    w.files.clear();
    drm_device* drm = w.drm;
    w.drm = drm_dev_alloc(&plain, &w.parent);
    count(1, [&] { drm_dev_put(drm); });
}

void open(world& w, counting& count)
{
    std::array<drm_file*, repeat> opened{};
    count(repeat, [&] {
        for (drm_file*& file : opened)
            file = w.open();
    });
    for (drm_file* file : opened)
        drm_close(file);
}

void close_newest(world& w, counting& count)
{
    std::array<drm_file*, repeat> opened{};
    for (drm_file*& file : opened)
        file = w.open();
    count(repeat, [&] {
        for (drm_file* file : opened)
            drm_close(file);
    });
}

void close_oldest(world& w, counting& count)
{
    const std::size_t some = std::min(repeat, w.files.size());
    count(some, [&] {
        for (std::size_t i = 0; i < some; ++i)
            drm_close(w.files[i]);
    });
    w.files.erase(w.files.begin(), w.files.begin() + static_cast<std::ptrdiff_t>(some));
}

template <unsigned command>
void ioctl(world& w, counting& count)
{
    drm_file* file = w.open();
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            require(drm_ioctl(file, command, nullptr) == 1);
    });
    drm_close(file);
}

// --- The table ---------------------------------------------------------------------------------------------

struct row {
    const char* operation;
    void (*run)(world& w, counting& count);
    int files = constant;     // open
    int resources = constant; // of the drm_device
    int devices = constant;   // other ones of the same parent, registered
    const drm_driver* driver = &plain;
};

void add(const row& r, const char* number, int allowed, void (*fill)(world&, std::size_t))
{
    add_case({"drm", r.operation, number, allowed, {50, 500, 5000}, [=](std::size_t n, counting& count) {
                  world w(r.driver);
                  fill(w, n);
                  r.run(w, count);
              }});
}

const bool registered = [] {
    for (const row& r : {
             row{"drm_dev_enter, drm_dev_exit", enter_and_exit},
             row{"drm_dev_get, drm_dev_put", get_and_put},
             row{"drm_dev_unregister, drm_dev_register", unregister_and_register},
             row{"drm_dev_unplug", unplug, each},
             row{"drm_dev_unplug, with an unmap hook", unplug, each, constant, constant, &with_unmap},
             row{"drm_wake_up", wake_up},
             row{"drm_registration, from create to its end", registration},
             row{"drm_dev_alloc, drm_dev_put", life_of_a_drm_device},
             row{"drm_dev_put, the last", last_put, constant, each},
             row{"drm_open", open},
             row{"drm_close, the newest", close_newest},
             row{"drm_close, the oldest", close_oldest, constant, skip, skip},
             row{"drm_ioctl", ioctl<0>},
             row{"drm_ioctl, guarded", ioctl<1>},
         }) {
        add(r, "files", r.files, fill_files);
        add(r, "resources", r.resources, fill_resources);
        add(r, "drm_devices", r.devices, fill_devices);
    }
    return true;
}();

} // namespace

} // namespace bench::growth
