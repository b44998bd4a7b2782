// SPDX-License-Identifier: MIT
//
// D7: a hub with N devices goes, with device_unregister_tree and with one device_unregister for each.
//
// Each device has one container. `busy`: one thread reads the containers of all of them, one after another.
// `slow`: each device has a reader that leaves a millisecond after it has seen that its device goes. Prints a
// table in the form of bench/README.md: the median of five, in microseconds.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <devres/device.h>
#include <devres/devres_ptr.h>

using namespace devres;

namespace {

using clock_type = std::chrono::steady_clock;
enum class readers { none, busy, slow };

struct leaf {
    device* dev;
    devres_ptr<int> value;
};

// probe has no other way to reach it
thread_local leaf* probed;
constexpr device_driver driver{
    "leaf", [](const bound_device& b) { return devres_ptr<int>::create(b, &probed->value, 1); }, nullptr};

double microseconds(int count, readers kind, bool tree)
{
    device* hub = device_create("hub");
    std::vector<leaf> leaves(static_cast<std::size_t>(count));
    for (leaf& l : leaves) {
        l.dev = device_create("leaf", hub);
        probed = &l;
        if (device_driver_attach(&driver, l.dev))
            std::abort();
    }
    std::atomic<bool> stop{false};
    std::atomic<int> inside{0};
    std::vector<std::thread> threads;
    if (kind == readers::busy)
        threads.emplace_back([&] {
            for (inside = 1; !stop;)
                for (const leaf& l : leaves)
                    if (const auto guard = l.value.try_access())
                        static_cast<void>(*guard);
        });
    if (kind == readers::slow)
        for (const leaf& l : leaves)
            threads.emplace_back([&] {
                const auto guard = l.value.try_access();
                ++inside;
                while (!l.value.is_revoked())
                    std::this_thread::sleep_for(std::chrono::microseconds(50));
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            });
    while (inside < static_cast<int>(threads.size()))
        std::this_thread::yield();

    const auto begin = clock_type::now();
    if (tree) {
        device_unregister_tree(hub);
    } else {
        for (const leaf& l : leaves)
            device_unregister(l.dev);
        device_unregister(hub);
    }
    const auto end = clock_type::now();
    stop = true;
    for (std::thread& t : threads)
        t.join();
    return std::chrono::duration<double, std::micro>(end - begin).count();
}

double median(int count, readers kind, bool tree)
{
    std::vector<double> all;
    for (int i = 0; i < 5; ++i)
        all.push_back(microseconds(count, kind, tree));
    std::ranges::nth_element(all, all.begin() + 2);
    return all[2];
}

} // namespace

int main()
{
    std::puts("| readers | devices | one wait each, µs | device_unregister_tree, µs |\n|---|--:|--:|--:|");
    constexpr struct {
        readers kind;
        const char* name;
        int most;
    } rows[] = {
        {readers::none, "none", 10'000}, {readers::busy, "busy", 10'000}, {readers::slow, "slow", 100}};
    for (const auto& row : rows)
        for (int count = 1; count <= row.most; count *= 10)
            std::printf("| %s | %d | %.0f | %.0f |\n", row.name, count, median(count, row.kind, false),
                        median(count, row.kind, true));
}
