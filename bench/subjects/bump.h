// SPDX-License-Identifier: MIT
//
// A bump allocator of fixed-size slots with a free list: the cheapest memory a list of resources could have.
// Thread safety: none.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <vector>

#include "subjects/cell.h"

namespace bench {

template <class Slot>
class bump {
public:
    Slot* take()
    {
        if (free_) {
            Slot* s = free_;
            free_ = *reinterpret_cast<Slot**>(s);
            return s;
        }
        if (next_ == end_)
            next_block();
        return next_++;
    }

    void give(Slot* s) noexcept
    {
        *reinterpret_cast<Slot**>(s) = free_;
        free_ = s;
    }

    // All slots are free again; the blocks are kept.
    void reset() noexcept
    {
        free_ = nullptr;
        block_ = 0;
        next_ = end_ = nullptr;
    }

private:
    static constexpr std::size_t slots_per_block = 64 * 1024 / sizeof(Slot);
    struct freer {
        void operator()(Slot* p) const noexcept { std::free(p); }
    };

    void next_block()
    {
        if (block_ == blocks_.size()) {
            blocks_.emplace_back(static_cast<Slot*>(std::malloc(slots_per_block * sizeof(Slot))));
            require(blocks_.back() != nullptr);
        }
        next_ = blocks_[block_++].get();
        end_ = next_ + slots_per_block;
    }

    Slot* next_ = nullptr;
    Slot* end_ = nullptr;
    Slot* free_ = nullptr;
    std::size_t block_ = 0;
    std::vector<std::unique_ptr<Slot, freer>> blocks_;
};

} // namespace bench
