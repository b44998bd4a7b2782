// SPDX-License-Identifier: MIT
//
// Work to be counted under callgrind: `devres_bench_instructions <case> <rounds>`. Without arguments it lists
// the cases.
//
// bench/instructions.py runs a case with two numbers of rounds and takes the difference, so that start-up,
// the head and its first memory cancel. Each round does `per_round` operations.
#include "subjects/linux.h"
#include "subjects/ours.h"
#include "subjects/ours_removal.h"
#ifdef BENCH_HAVE_TALLOC
#include "subjects/talloc.h"
#endif

#include "access/ours.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

namespace bench {

namespace {

constexpr int per_round = 1000;

template <class Subject>
void attach_release(int rounds)
{
    Subject head;
    cell c;
    for (int r = 0; r < rounds; ++r) {
        for (int i = 0; i < per_round; ++i)
            head.attach(&c);
        head.release_all();
    }
    head.end();
}

// Owners of `actions` each, a thousand actions in all, that live at once and then end; per action.
template <class Subject, int actions>
void owners(int rounds)
{
    constexpr int count = (per_round + actions - 1) / actions;
    cell c;
    auto all = std::make_unique<std::optional<Subject>[]>(count);
    for (int r = 0; r < rounds; ++r) {
        for (int i = 0; i < per_round; ++i) {
            auto& owner = all[static_cast<std::size_t>(i / actions)];
            if (!owner)
                owner.emplace();
            owner->attach(&c);
        }
        for (int i = 0; i < count; ++i) {
            auto& owner = all[static_cast<std::size_t>(i)];
            owner->end();
            owner.reset();
        }
    }
    require(c.fired == static_cast<std::uint64_t>(rounds) * per_round);
}

// Attach one and remove it again, among a thousand others; two rounds before counting starts build any index.
template <class Subject>
void attach_remove(int rounds)
{
    Subject head;
    auto cells = std::make_unique<cell[]>(2 * per_round);
    head.reserve(2 * per_round);
    for (std::size_t i = 0; i < per_round; ++i)
        head.add(&cells[i], i);
    head.remove(head.add(&cells[per_round], per_round));
    for (int r = 0; r < rounds; ++r)
        for (std::size_t i = 0; i < per_round; ++i)
            head.remove(head.add(&cells[per_round + i], per_round + i));
    head.release_all();
}

template <class Subject>
void read(int rounds)
{
    Subject subject;
    typename Subject::reader reader(subject);
    std::uint64_t sum = 0;
    for (int r = 0; r < rounds; ++r)
        for (int i = 0; i < per_round; ++i)
            subject.with(reader, [&](const payload& p) { sum += p.read(); });
    require(sum == static_cast<std::uint64_t>(rounds) * per_round);
}

struct counted_case {
    const char* name;
    void (*run)(int rounds);
};

// Those that start with "peer_" are printed beside ours and not guarded.
constexpr counted_case cases[] = {
    {"devm_attach_release", attach_release<devm>},
    {"drmm_attach_release", attach_release<drmm>},
    {"managed_attach_release", attach_release<managed>},
    {"devm_kmalloc_kfree", attach_remove<devm_kfree>},
    {"devm_add_remove_action", attach_remove<devm_remove_action>},
    {"devm_add_release_action", attach_remove<devm_release_action>},
    {"devm_handle_add_cancel", attach_remove<devm_handle_cancel>},
    {"devm_node_add_remove", attach_remove<devm_node_remove>},
    {"revocable_try_access", read<revocable_access>},
    {"devres_ptr_try_access", read<devres_ptr_access>},
    {"drm_dev_enter_exit", read<drm_enter_access>},
    {"managed_owners_1", owners<managed, 1>},
    {"managed_owners_3", owners<managed, 3>},
    {"managed_owners_10", owners<managed, 10>},
    {"managed_owners_20", owners<managed, 20>},
    {"managed_owners_100", owners<managed, 100>},
    {"peer_linux_devm_owners_1", owners<linux_devm, 1>},
    {"peer_linux_devm_owners_3", owners<linux_devm, 3>},
    {"peer_linux_devm_owners_10", owners<linux_devm, 10>},
    {"peer_linux_devm_owners_20", owners<linux_devm, 20>},
    {"peer_linux_devm_owners_100", owners<linux_devm, 100>},
    {"peer_linux_devm_attach_release", attach_release<linux_devm>},
    {"peer_linux_drmm_attach_release", attach_release<linux_drmm>},
#ifdef BENCH_HAVE_TALLOC
    {"peer_talloc_attach_release", attach_release<talloc_subject>},
    {"peer_talloc_add_free", attach_remove<talloc_free_block>},
#endif
};

} // namespace

} // namespace bench

int main(int argc, char** argv)
{
    if (argc != 3) {
        for (const auto& c : bench::cases)
            std::puts(c.name);
        std::fprintf(stderr, "compiler: %s\n", BENCH_COMPILER);
        return argc == 1 ? 0 : 1;
    }
    for (const auto& c : bench::cases)
        if (std::strcmp(c.name, argv[1]) == 0) {
            c.run(std::atoi(argv[2]));
            return 0;
        }
    return 1;
}
