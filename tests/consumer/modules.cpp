// SPDX-License-Identifier: MIT
//
// usage: modules <module.so>
//
// V12: what a module has made the program recognises, and the reverse: objects by their type, actions by
// function and data.
#include <cstdio>

#include <dlfcn.h>

#include <devres/devm.h>
#include <devres/diagnostics.h>

#include "module.h"

using namespace devres;

namespace {

void count(int* n)
{
    ++*n;
}

} // namespace

int main(int argc, char** argv)
{
    void* module = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : nullptr;
    if (!module)
        return 1;
    auto* make = reinterpret_cast<make_function*>(dlsym(module, "make"));
    auto* end = reinterpret_cast<end_function*>(dlsym(module, "end"));
    if (!make || !end)
        return 2;
    device* dev = device_create("both");
    int destroyed = 0;
    int counted = 0;
    const made theirs = make(dev, &destroyed, count, &counted);
    if (!theirs.object || theirs.error || !devm_is_action_added(dev, count, &counted))
        return 3;
    devm_delete(dev, theirs.object);
    if (destroyed != 1 || devm_release_action(dev, count, &counted) || counted != 1)
        return 4;
    part* ours = devm_new<part>(dev, &destroyed);
    if (!ours)
        return 5;
    end(dev, ours);
    if (destroyed != 2)
        return 6;
    device_unregister(dev);
    std::printf("modules: %zu warnings\n", devres_warn_count());
    return devres_warn_count() == 0 && destroyed == 2 && counted == 1 ? 0 : 7;
}
