// SPDX-License-Identifier: MIT
//
// Core alone: a class of the user's own becomes an owner by embedding a head.
#include <cstdio>
#include <cstring>

#include <devres/managed.h>

using namespace devres;

namespace {

char trace[32];
const char never[] = "never";

void note(const char* step)
{
    std::strcat(trace, step);
}

struct session {
    ~session() { devres_drain(&devres); }
    devres_head devres;
};

} // namespace

int main()
{
    {
        session s;
        char* buffer = static_cast<char*>(managed::kzalloc(&s, 64));
        if (!buffer || buffer[63] != 0)
            return 1;
        if (managed::add_action(&s, note, "a") || managed::add_action(&s, [] { note("b"); }))
            return 2;
        if (managed::add_action(&s, note, never) || managed::remove_action(&s, note, never))
            return 3;
        managed::kfree(&s, buffer);
    }
    std::printf("core: released %s\n", trace);
    return std::strcmp(trace, "ba") == 0 ? 0 : 4;
}
