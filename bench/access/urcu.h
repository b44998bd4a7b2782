// SPDX-License-Identifier: MIT
//
// One liburcu flavour as a read subject. To be included by a file that has included that flavour's header
// with URCU_API_MAP defined, so that rcu_read_lock and the rest mean this flavour, and
// that defines BENCH_URCU_NAME. Everything is in an unnamed namespace: each file has its own.
#pragma once

#ifndef BENCH_URCU_NAME
#error "include this from an urcu_<flavour>.cpp"
#endif

#include "access/payload.h"
#include "access/read.h"
#include "access/revoke.h"

#include <vector>

namespace bench {

namespace {

struct urcu_access {
    static constexpr const char* name = BENCH_URCU_NAME;

    struct reader {
        explicit reader(const urcu_access&) { rcu_register_thread(); }
        ~reader() { rcu_unregister_thread(); }
        reader(const reader&) = delete;
        reader& operator=(const reader&) = delete;
    };

    payload* object = new payload;

    urcu_access() = default;
    ~urcu_access() { delete object; }
    urcu_access(const urcu_access&) = delete;
    urcu_access& operator=(const urcu_access&) = delete;

    template <class F>
    bool with(reader&, F f)
    {
        rcu_read_lock();
        payload* p = rcu_dereference(object);
        if (p) [[likely]]
            f(*p);
        rcu_read_unlock();
        return p != nullptr;
    }
    void revoke()
    {
        payload* old = rcu_xchg_pointer(&object, nullptr);
        synchronize_rcu();
        delete old;
    }
};

// Unbind: n objects of one owner taken away, as Rust's Devres did in Linux (a wait for each), and as one
// would with all of them closed first (one wait).
template <bool one_wait>
void urcu_unbind(benchmark::State& state)
{
    const auto n = static_cast<std::size_t>(state.range(0));
    cell destroyed;
    for (auto _ : state) {
        std::vector<payload*> objects(n);
        for (auto& p : objects)
            p = new payload(&destroyed);
        std::vector<payload*> todo(n);
        timed(state, [&] {
            for (std::size_t i = n; i-- > 0;) {
                todo[i] = rcu_xchg_pointer(&objects[i], nullptr);
                if (!one_wait) {
                    synchronize_rcu();
                    delete todo[i];
                }
            }
            if (one_wait) {
                synchronize_rcu();
                for (std::size_t i = n; i-- > 0;)
                    delete todo[i];
            }
        });
    }
    if (destroyed.fired != static_cast<std::uint64_t>(state.iterations()) * n)
        state.SkipWithError("objects were lost");
    state.SetItemsProcessed(state.iterations() * to_items(n));
}

[[maybe_unused]] void add_urcu_unbind()
{
    for (std::int64_t n : {1, 10, 100, 1000}) {
        const std::string name = BENCH_URCU_NAME;
        add((name + "_wait_each").c_str(), "UnbindContainers", urcu_unbind<false>)
            ->Arg(n)
            ->Iterations(n < 1000 ? 30 : 3)
            ->UseManualTime()
            ->Threads(1);
        add((name + "_wait_once").c_str(), "UnbindContainers", urcu_unbind<true>)
            ->Arg(n)
            ->Iterations(n < 1000 ? 100 : 30)
            ->UseManualTime()
            ->Threads(1);
    }
}

} // namespace

} // namespace bench
