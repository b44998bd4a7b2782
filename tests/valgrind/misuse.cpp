// SPDX-License-Identifier: MIT
//
// One misuse of managed memory for each argument, to be run under valgrind's memcheck (run.sh).
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <devres/managed.h>

namespace {

struct owner {
    ~owner() { devres::devres_drain(&devres); }
    devres::devres_head devres;
};

void require(bool ok)
{
    if (!ok)
        std::abort();
}

char* fresh(owner* o, std::size_t size)
{
    void* p = devres::managed::kmalloc(o, size);
    asm volatile("" : "+r"(p)); // so that the compiler cannot see through the misuse
    require(p != nullptr);
    return static_cast<char*>(p);
}

// The exit status depends on `c`, which is what makes memcheck look at it.
int use(char c)
{
    return c == 'x' ? 1 : 0;
}

} // namespace

int main(int, char** argv)
{
    namespace managed = devres::managed;
    const std::string_view what = argv[1];
    owner o;
    fresh(&o, 40);
    char* p = fresh(&o, 24);
    fresh(&o, 40);
    if (what == "none") {
        std::memset(p, 0, 24);
        char* grown = static_cast<char*>(managed::krealloc(&o, p, 30));
        require(grown != nullptr && use(grown[23]) == 0);
        std::memset(grown, 0, 30);
        managed::kfree(&o, grown);
        return use(static_cast<char*>(managed::kzalloc(&o, 500))[499]);
    }
    if (what == "use-after-kfree") {
        std::memset(p, 0, 24);
        managed::kfree(&o, p);
        return use(p[3]);
    }
    if (what == "overflow") {
        p[24] = 0;
        return 0;
    }
    if (what == "uninitialised")
        return use(p[5]);
    if (what == "use-after-release") {
        std::memset(p, 0, 24);
        devres::devres_release_all(&o.devres);
        return use(p[3]);
    }
    if (what == "leak") {
        static owner* lost = new owner; // with a block of memory that only `lost` leads to
        fresh(lost, 10);
        lost = nullptr;
        return 0;
    }
    std::fprintf(stderr, "no such misuse\n");
    return 2;
}
