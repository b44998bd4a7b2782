// SPDX-License-Identifier: MIT
//
// Cases on a bare head. A row names an operation and what it may do to each number; a number is brought about
// by one of the functions in fill.cpp.
#pragma once

#include "growth/case.h"

#include <devres/managed.h>

#include <cstddef>
#include <memory>
#include <vector>

namespace bench::growth {

struct owner {
    devres::devres_head devres;

    owner() = default;
    owner(const owner&) = delete;
    owner& operator=(const owner&) = delete;
    ~owner() { devres::devres_drain(&devres); }
};

struct world {
    std::unique_ptr<cell[]> cells = std::make_unique<cell[]>(repeat); // one for each repetition
    std::vector<cell> filling; // of the resources that make up the number
    bool equal = false;        // the operation is about the equal pairs
    owner subject;             // after what its actions are given
    std::vector<std::unique_ptr<owner>> others;

    devres::devres_head* head() noexcept { return &subject.devres; }
    // What the action of the i-th repetition is given.
    cell* target(std::size_t i) noexcept { return &cells[equal ? 0 : i]; }
};

struct head_row {
    const char* operation;
    void (*run)(world& w, counting& count);
    int resources = constant;    // on the head
    int groups = constant;       // closed ones, each with a resource
    int open_groups = constant;  // one inside the other, each with a resource
    int equal_pairs = skip;      // the same action with the same data
    int large_blocks = constant; // of 16 KiB
    int owners = constant;       // other ones alive, each with three resources
};

void add_head_rows(const char* group, std::initializer_list<head_row> rows);

} // namespace bench::growth
