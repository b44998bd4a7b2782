// SPDX-License-Identifier: MIT
//
// Binding, clients, faults and removal under load, for as long as it is told: nothing may grow.
//
// A hub thread plugs devices in, binds and unbinds them, some of whose probes fail; clients open what is
// visible, ask for things, hold guards and files across the unplug; one thread tears groups and handles out
// of the middle; threads come and go. After each round memory, threads and descriptors are compared with
// those of the first rounds.
//
//     soak [minutes] (default: 1). Exit status 0 if everything was flat.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <malloc.h>

#include <devres/devres_ptr.h>
#include <devres/drm_managed.h>
#include <devres/drm_registration.h>

using namespace devres;

namespace {

struct hardware {
    explicit hardware(int n) : number(n) {}
    ~hardware() { number = -1; }
    std::atomic<int> number;
};
using pointer = devres_ptr<hardware>;

std::atomic<long> wrong{0};
std::atomic<long> binds{0};
std::atomic<long> failed_probes{0};
std::atomic<long> requests{0};
std::atomic<long> refused{0};

void check(bool right, const char* what)
{
    if (right)
        return;
    ++wrong;
    std::fprintf(stderr, "soak: %s\n", what);
}

// --- The driver ---

long plain_request(drm_device*, void*, drm_file*)
{
    return 1;
}
long guarded_request(const drm_dev_guard&, void*, drm_file*)
{
    return 2;
}
constexpr drm_ioctl_desc requests_of_clients[] = {{"plain", &plain_request, nullptr},
                                                  {"guarded", nullptr, &guarded_request}};
constexpr drm_driver visible_driver{
    .name = "soak",
    .ioctls = requests_of_clients,
    .num_ioctls = 2,
    .unmap = [](drm_device*, drm_file*) {},
};

// What clients get hold of; its handles outlive every bind.
struct window {
    std::mutex lock;
    drm_device* drm = nullptr; // with a reference
    pointer hardware;

    void show(drm_device* next, pointer handle)
    {
        drm_device* before = nullptr;
        {
            const std::lock_guard held(lock);
            before = std::exchange(drm, drm_dev_get(next));
            hardware = std::move(handle);
        }
        drm_dev_put(before);
    }
};
window the_window;
std::atomic<int> failing_step{0};

int probe(const bound_device& dev)
{
    int step = 0;
    const auto fails = [&step] { return ++step == failing_step.load(); };
    auto* drm = devm_drm_dev_alloc<drm_device>(dev, &visible_driver);
    if (!drm)
        return -ENOMEM;
    if (fails())
        return -EIO;
    if (!drmm_kzalloc(drm, 3000) || !devm_kmalloc(dev, 70000))
        return -ENOMEM;
    pointer handle;
    if (const int err = pointer::create(dev, &handle, 7))
        return err;
    if (fails())
        return -EIO;
    void* group = devm_open_group(dev, nullptr);
    for (int i = 0; i != 100; ++i)
        if (!devm_kasprintf(dev, "resource %d of %s", i, dev_name(dev)))
            return -ENOMEM;
    pointer inside;
    if (const int err = pointer::create(dev, &inside, 8))
        return err;
    if (fails())
        return -EIO;
    devm_release_group(dev, group);
    check(inside.is_revoked(), "a container outlives its group");
    if (const int err = drm_registration::create_owned_by_device(dev, drm))
        return err;
    if (fails())
        return -EIO;
    the_window.show(drm, std::move(handle));
    return 0;
}
constexpr device_driver soak_driver{"soak", &probe, nullptr};

// --- The threads ---

void hub(const std::atomic<bool>& stop, unsigned seed)
{
    std::mt19937 random(seed);
    while (!stop) {
        device* parent = device_create("parent");
        device* dev = device_create("dev", parent);
        for (int i = 0; i != 3; ++i) {
            failing_step = static_cast<int>(random() % 8);
            const int err = device_driver_attach(&soak_driver, dev);
            check(err == 0 || err == -EIO, "a bind gave another error than its probe");
            ++(err ? failed_probes : binds);
            if (!err && random() % 2)
                std::this_thread::yield();
            check(device_release_driver(dev) == 0, "an unbind failed");
        }
        device_unregister(dev);
        device_unregister(parent);
    }
}

void client(const std::atomic<bool>& stop, unsigned seed)
{
    std::mt19937 random(seed);
    while (!stop) {
        drm_device* drm = nullptr;
        pointer handle;
        {
            const std::lock_guard held(the_window.lock);
            drm = drm_dev_get(the_window.drm);
            handle = the_window.hardware;
        }
        if (!drm) {
            std::this_thread::yield();
            continue;
        }
        drm_file* file = nullptr;
        if (drm_open(drm, &file) == 0) {
            for (int i = 0; i != 20; ++i) {
                const unsigned which = random() % 2;
                const long got = drm_ioctl(file, which, nullptr);
                check(got == -ENODEV || got == (which ? 2 : 1), "a request gave something else");
                ++(got < 0 ? refused : requests);
                if (const auto guard = handle.try_access())
                    check(guard->number == 7, "the hardware is gone under a guard");
            }
            drm_close(file);
        }
        drm_dev_put(drm);
        if (random() % 50 == 0)
            std::thread([&] {
                check(!handle.revoke(nowait) || true, "");
            }).join(); // a thread that comes and goes
    }
}

// Removal from the middle of a head that two threads use.
void remover(const std::atomic<bool>& stop, unsigned seed, device* dev)
{
    std::mt19937 random(seed);
    static int data[64];
    constexpr auto action = [](int* p) { ++*p; };
    std::vector<devres_action> handles;
    while (!stop) {
        for (int i = 0; i != 200; ++i) {
            check(devm_add_action(dev, action, &data[random() % 64]) == 0, "no memory");
            devres_action handle;
            check(devm_add_action(
                      dev, [] {}, &handle) == 0,
                  "no memory");
            handles.push_back(std::move(handle));
        }
        for (int i = 0; i != 150; ++i)
            static_cast<void>(devm_remove_action_nowarn(dev, action, &data[random() % 64]));
        for (devres_action& handle : handles)
            random() % 2 ? handle.cancel() : handle.run();
        handles.clear();
        if (random() % 4 == 0)
            devres_release_all(&dev->devres);
    }
}

// --- What must be flat ---

struct usage {
    long heap_kib = 0;
    long resident_kib = 0;
    long threads = 0;
    long descriptors = 0;
};

usage usage_now()
{
    usage u;
    u.heap_kib = static_cast<long>(::mallinfo2().uordblks / 1024);
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:"))
            u.resident_kib = std::atol(line.c_str() + 6);
        if (line.starts_with("Threads:"))
            u.threads = std::atol(line.c_str() + 8);
    }
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        ++u.descriptors;
    return u;
}

// A round: everything at once for a while, then nothing, so that what is left can be counted.
void round(unsigned seed, std::chrono::milliseconds length)
{
    std::atomic<bool> stop{false};
    device* shared = device_create("shared");
    {
        std::vector<std::jthread> threads;
        threads.emplace_back([&] { hub(stop, seed); });
        threads.emplace_back([&] { client(stop, seed + 1); });
        threads.emplace_back([&] { client(stop, seed + 2); });
        threads.emplace_back([&] { remover(stop, seed + 3, shared); });
        threads.emplace_back([&] { remover(stop, seed + 4, shared); });
        std::this_thread::sleep_for(length); // how long the load lasts; nothing waits for anything
        stop = true;
    }
    the_window.show(nullptr, {});
    device_unregister(shared);
}

} // namespace

int main(int argc, char** argv)
{
    using clock = std::chrono::steady_clock;
    const double minutes = argc > 1 ? std::atof(argv[1]) : 1;
    const auto end = clock::now() +
                     std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(minutes * 60));
    const auto length = std::chrono::milliseconds(minutes < 1 ? 300 : 3000);
    usage first;
    usage most;
    unsigned rounds = 0;
    for (; rounds < 6 || clock::now() < end; ++rounds) {
        round(rounds * 10 + 1, length);
        ::malloc_trim(0);
        const usage now = usage_now();
        usage& seen =
            rounds < 4 ? first : most; // records, arenas of malloc and buffers come in the first rounds
        seen.heap_kib = std::max(seen.heap_kib, now.heap_kib);
        seen.resident_kib = std::max(seen.resident_kib, now.resident_kib);
        seen.threads = std::max(seen.threads, now.threads);
        seen.descriptors = std::max(seen.descriptors, now.descriptors);
    }
    check(most.heap_kib <= first.heap_kib + 64, "the heap grows");
    check(most.resident_kib <= first.resident_kib + 8192, "resident memory grows");
    check(most.threads == first.threads, "threads are left");
    check(most.descriptors == first.descriptors, "descriptors are left");
    std::printf(
        "%u rounds: %ld binds, %ld failed probes, %ld requests, %ld refused\n"
        "heap %ld, then %ld KiB; resident %ld, then %ld KiB; threads %ld, %ld; descriptors %ld, %ld\n",
        rounds, binds.load(), failed_probes.load(), requests.load(), refused.load(), first.heap_kib,
        most.heap_kib, first.resident_kib, most.resident_kib, first.threads, most.threads, first.descriptors,
        most.descriptors);
    return wrong ? 1 : 0;
}
