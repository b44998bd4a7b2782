// SPDX-License-Identifier: MIT
//
// Memory without a heap: blocks cut from one static array of bytes. First fit; neighbours that are free are
// joined when memory is asked for. One thread at a time, as everything here.
#pragma once

#include <cstddef>

namespace freestanding {

// Returns memory for `size` bytes aligned to `alignment` (a power of two, at most 4,096), or null.
void* take_bytes(std::size_t size, std::size_t alignment) noexcept;

// Gives back what take_bytes() returned; null is fine.
void give_bytes(void* memory) noexcept;

// Blocks that are taken from now on are of a new generation.
// Returns: its number.
unsigned new_generation() noexcept;

// Gives back all blocks of `generation` and of later ones.
void give_bytes_since(unsigned generation) noexcept;

// How many blocks are taken.
int live_blocks() noexcept;

// Makes take_bytes() return null from its `n`-th call on, 1 being the next; 0: never.
void no_memory_from(int n) noexcept;

} // namespace freestanding
