// SPDX-License-Identifier: MIT
//
// What a program and a module that it loads know of each other.
#pragma once

#include <devres/device.h>

struct part {
    explicit part(int* count) : destroyed(count) {}
    ~part() { ++*destroyed; }

    int* destroyed;
};

using count_action = void (*)(int* n);

struct made {
    part* object;
    int error;
};
using make_function = made(devres::device* dev, int* destroyed, count_action count, int* n);
using end_function = void(devres::device* dev, part* object);
