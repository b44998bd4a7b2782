// SPDX-License-Identifier: MIT
//
// The typical owner: very many owners with few actions each, all live at once, then all ended.
//
// `devres_bench_owners <subject> <actions each> [<owners>]` prints one line of JSON; without arguments it
// lists the subjects. One subject and one size per process, since memory that a process has had stays with
// it.
//
// bytes: the resident memory that the owners took, for each, from before their construction until every
//        action is attached. The storage of the owners themselves (`head`, the size of the class) was touched
//        before and is not in it, for nobody.
// ns:    constructing the owners, attaching all their actions, releasing them and destroying the owners,
//        oldest owner first, for each action. The first round, from which `bytes` is taken, is not timed.
#include "resident.h"
#include "rounds.h"
#include "subjects/functions.h"
#include "subjects/linux.h"
#include "subjects/ours.h"
#ifdef BENCH_HAVE_TALLOC
#include "subjects/talloc.h"
#endif
#ifdef BENCH_HAVE_APR
#include "subjects/apr.h"
#endif

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include <sys/mman.h>

namespace bench {

namespace {

// Storage for owners, outside malloc's heap and already resident.
template <class Owner>
class storage {
public:
    explicit storage(std::size_t owners) : bytes_(owners * sizeof(Owner))
    {
        void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        require(memory != MAP_FAILED);
        std::memset(memory, 1, bytes_);
        first_ = static_cast<Owner*>(memory);
    }
    ~storage() { munmap(first_, bytes_); }
    storage(const storage&) = delete;
    storage& operator=(const storage&) = delete;

    Owner* at(std::size_t i) noexcept { return first_ + i; }

private:
    std::size_t bytes_;
    Owner* first_;
};

template <class Subject>
void begin(storage<Subject>& memory, std::size_t owners, std::size_t actions, cell* c)
{
    for (std::size_t i = 0; i < owners; ++i) {
        Subject* owner = ::new (memory.at(i)) Subject;
        for (std::size_t a = 0; a < actions; ++a)
            owner->attach(c);
    }
}

template <class Subject>
void end(storage<Subject>& memory, std::size_t owners)
{
    for (std::size_t i = 0; i < owners; ++i) {
        memory.at(i)->end();
        std::destroy_at(memory.at(i));
    }
}

template <class Subject>
void measure(std::size_t actions, std::size_t owners)
{
    constexpr int timed_rounds = 6;
    cell c;
    {
        Subject first; // what comes with a process's first owner is not counted
        first.attach(&c);
        first.end();
    }
    storage<Subject> memory(owners);
    const double before = resident_bytes();
    begin(memory, owners, actions, &c);
    const double bytes = (resident_bytes() - before) / static_cast<double>(owners);
    end(memory, owners);

    rounds measured;
    for (int r = 0; r < timed_rounds; ++r)
        measured.measure(static_cast<double>(owners * actions), [&] {
            begin(memory, owners, actions, &c);
            end(memory, owners);
        });
    require(c.fired == 1 + owners * actions * (1 + timed_rounds));
    std::printf(
        "{\"subject\": \"%s\", \"n\": %zu, \"owners\": %zu, \"head\": %zu, \"bytes\": %.1f, \"ns\": %.2f, "
        "\"rounds\": %zu, \"disturbed\": %zu}\n",
        Subject::name, actions, owners, sizeof(Subject), bytes, measured.lower_quartile(), measured.count(),
        measured.disturbed());
}

template <class F>
void for_each_owner(F f)
{
    f.template operator()<managed>();
    f.template operator()<devm>();
    f.template operator()<linux_devm>();
    f.template operator()<linux_drmm>();
    f.template operator()<vector_function>();
#ifdef BENCH_HAVE_TALLOC
    f.template operator()<talloc_subject>();
#endif
#ifdef BENCH_HAVE_APR
    f.template operator()<apr_subject>();
#endif
}

std::size_t number(const char* text)
{
    return static_cast<std::size_t>(std::strtoul(text, nullptr, 10));
}

} // namespace

} // namespace bench

int main(int argc, char** argv)
{
    bool found = argc < 3;
    const std::size_t actions = found ? 0 : bench::number(argv[2]);
    // A hundred actions each are ten million at a hundred thousand owners; a fifth of that says the same.
    const std::size_t owners = argc > 3 ? bench::number(argv[3]) : actions >= 100 ? 20'000 : 100'000;
    bench::for_each_owner([&]<class Subject>() {
        if (argc < 3) {
            std::puts(Subject::name);
        } else if (std::strcmp(argv[1], Subject::name) == 0) {
            bench::measure<Subject>(actions, owners);
            found = true;
        }
    });
    return found ? 0 : 1;
}
