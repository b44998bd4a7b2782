// SPDX-License-Identifier: MIT
//
// A module of the program modules.cpp. Both are linked with the shared library and share no symbol with each
// other, so each has the operations of its types for itself.
#include "module.h"

#include <devres/devm.h>

using namespace devres;

extern "C" [[gnu::visibility("default")]] made make(device* dev, int* destroyed, count_action count, int* n)
{
    return {devm_new<part>(dev, destroyed), devm_add_action(dev, count, n)};
}

extern "C" [[gnu::visibility("default")]] void end(device* dev, part* object)
{
    devm_delete(dev, object);
}
