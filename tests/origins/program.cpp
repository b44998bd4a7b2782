// SPDX-License-Identifier: MIT
//
// Attaches two resources, dumps them, and is told off for the wrong one.
#include <devres/dump.h>
#include <devres/managed.h>

using namespace devres;

namespace {

struct session {
    ~session() { devres_drain(&devres); }
    devres_head devres;
};

[[gnu::noinline]] void* attach(session* s)
{
    void* memory = managed::kmalloc(s, 100); // line: kmalloc
    return memory ? memory : nullptr;
}

} // namespace

int main()
{
    session s;
    void* memory = attach(&s);
    if (managed::add_action(&s, [] {})) // line: action
        return 1;
    devres_dump(&s, 1);
    return managed::destroy(&s, static_cast<int*>(memory)) ? 0 : 2;
}
