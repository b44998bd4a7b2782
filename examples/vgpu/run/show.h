// SPDX-License-Identifier: MIT
//
// The scan-out in the terminal: two pixels above each other are one character, a half block in two colours.
#pragma once

#include "../driver/scanout.h"

namespace vgpu {

void show(const image& screen);

} // namespace vgpu
