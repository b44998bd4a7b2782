// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

namespace vgpu::test {

// Opens the card and calls with nonsense, in so many threads. `commands`: the ioctls that there are, by
// number; 0: none.
void fuzz(unsigned seed, int threads, int calls, const std::vector<unsigned long>& commands);

} // namespace vgpu::test
