// SPDX-License-Identifier: MIT
//
// UnbindContainers: unbinding a device with n devres_ptr, whose handles live on; per container.
// UnbindActions: unbinding a device with n plain actions that do the same as a container's destructor; per
// action. Both are device_release_driver alone, with everything it does; `waits` is how often one unbind
// waited.
#include "access/payload.h"
#include "workloads/register.h"
#include "workloads/stopwatch.h"

#include <devres/detail/revocation_stats.h>
#include <devres/devres_ptr.h>

#include <vector>

namespace bench {

namespace {

struct plan {
    std::size_t n;
    cell* destroyed;
    std::vector<devres::devres_ptr<payload>> handles;
};

plan* plan_of(const devres::bound_device& bound)
{
    return static_cast<plan*>(devres::dev_get_drvdata(bound));
}

constexpr devres::device_driver containers{
    .name = "containers",
    .probe =
        [](const devres::bound_device& bound) {
            plan* p = plan_of(bound);
            for (auto& handle : p->handles)
                require(devres::devres_ptr<payload>::create(bound, &handle, p->destroyed) == 0);
            return 0;
        },
    .remove = nullptr,
};

constexpr devres::device_driver actions{
    .name = "actions",
    .probe =
        [](const devres::bound_device& bound) {
            plan* p = plan_of(bound);
            for (std::size_t i = 0; i < p->n; ++i)
                require(devres::devm_add_action(bound, fire, p->destroyed) == 0);
            return 0;
        },
    .remove = nullptr,
};

void unbind(benchmark::State& state, const devres::device_driver* driver, bool handles)
{
    const auto n = static_cast<std::size_t>(state.range(0));
    cell destroyed;
    devres::device* dev = devres::device_create("bench");
    std::size_t waits = 0;
    for (auto _ : state) {
        plan p{n, &destroyed, std::vector<devres::devres_ptr<payload>>(handles ? n : 0)};
        devres::dev_set_drvdata(dev, &p);
        require(devres::device_driver_attach(driver, dev) == 0);
        const std::size_t before = devres::detail::revocation_stats().waits;
        timed(state, [&] { require(devres::device_release_driver(dev) == 0); });
        waits += devres::detail::revocation_stats().waits - before;
    }
    devres::device_unregister(dev);
    if (destroyed.fired != static_cast<std::uint64_t>(state.iterations()) * n)
        state.SkipWithError("objects were lost");
    state.counters["waits"] = static_cast<double>(waits) / static_cast<double>(state.iterations());
    state.SetItemsProcessed(state.iterations() * to_items(n));
}

void unbind_containers(benchmark::State& state)
{
    unbind(state, &containers, true);
}

void unbind_actions(benchmark::State& state)
{
    unbind(state, &actions, false);
}

const bool registered = [] {
    for (std::int64_t n : {1, 10, 100, 1000, 10000}) {
        const std::int64_t iterations = n <= 100 ? 300 : 100000 / n;
        add("devres_ptr", "UnbindContainers", unbind_containers)
            ->Arg(n)
            ->Iterations(iterations)
            ->UseManualTime()
            ->Threads(1);
        add("devm", "UnbindActions", unbind_actions)
            ->Arg(n)
            ->Iterations(iterations)
            ->UseManualTime()
            ->Threads(1);
    }
    return true;
}();

} // namespace

} // namespace bench
