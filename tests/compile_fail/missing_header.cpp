// SPDX-License-Identifier: MIT
//
// Only the type's header: the answer names what is missing.
#include <devres/device.h>

using namespace devres;

int good(device* dev)
{
    return device_register(dev);
}

// CASE_MISSING_HEADER: (not declared|undeclared).*devm_kzalloc|devm_kzalloc.*(not declared|undeclared)
#ifdef CASE_MISSING_HEADER
void* mistake(device* dev)
{
    return devm_kzalloc(dev, 8);
}
#endif
