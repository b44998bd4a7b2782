// SPDX-License-Identifier: MIT
#include "workloads/probe.h"

#include "subjects/all_subjects.h"

namespace bench {

namespace {

// The same body on the device that probe was given.
struct bound_owner {
    devres::device* dev;

    void action(cell* c) noexcept { require(devres::devm_add_action(dev, fire, c) == 0); }
    void* zalloc(std::size_t size) noexcept { return devres::devm_kzalloc(dev, size); }
    void* open() noexcept { return devres::devm_open_group(dev, nullptr); }
    void close(void* group) noexcept { devres::devm_close_group(dev, group); }
};

constexpr devres::device_driver driver{
    .name = "bench",
    .probe =
        [](const devres::bound_device& bound) {
            bound_owner owner{bound};
            probe_body(owner, static_cast<cell*>(devres::dev_get_drvdata(bound)));
            return 0;
        },
    .remove = nullptr,
};

void probe_unbind(benchmark::State& state)
{
    devres::device* dev = devres::device_create("bench");
    cell c;
    for (auto _ : state) {
        devres::dev_set_drvdata(dev, &c);
        require(devres::device_driver_attach(&driver, dev) == 0);
        require(devres::device_release_driver(dev) == 0);
    }
    if (c.fired != static_cast<std::uint64_t>(state.iterations() * probe_actions))
        state.SkipWithError("callbacks were lost");
    devres::device_unregister(dev);
    state.SetItemsProcessed(state.iterations() * probe_resources);
}

template <class Subject>
void add_probe()
{
    add(Subject::name, "ProbeBody", probe_and_release<Subject>)->Threads(1);
}

const bool registered = [] {
    add_probe<devm>();
    add_probe<drmm>();
    add_probe<managed>();
    add_probe<linux_devm>(); // its drmm has no groups
    add_probe<vector_function_mutex>();
#ifdef BENCH_HAVE_TALLOC
    add_probe<talloc_subject>();
#endif
#ifdef BENCH_HAVE_APR
    add_probe<apr_subject>();
#endif
    add("devm", "ProbeUnbind", probe_unbind)->Threads(1)->UseRealTime();
    return true;
}();

} // namespace

} // namespace bench
