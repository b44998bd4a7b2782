// SPDX-License-Identifier: MIT
//
// Linux's algorithm in the removal workloads: every one of these scans the list.
#pragma once

#include "subjects/linux.h"

#include <cstddef>

namespace bench {

inline constexpr std::size_t block_size = 64; // what FreeOne frees, for every subject

struct linux_devm_kfree : linux_devm_base {
    static constexpr const char* name = "linux_devm_kfree";
    static constexpr bool scans = true;
    using key = void*;

    void reserve(std::size_t) noexcept {}
    key add(cell*, std::size_t) noexcept
    {
        void* p = linux_model::devm_kmalloc(&head, block_size);
        require(p != nullptr);
        return p;
    }
    void remove(key p) noexcept { require(linux_model::devm_kfree(&head, p) == 0); }
};

struct linux_drmm_kfree : linux_drmm_base {
    static constexpr const char* name = "linux_drmm_kfree";
    static constexpr bool scans = true;
    using key = void*;

    void reserve(std::size_t) noexcept {}
    key add(cell*, std::size_t) noexcept
    {
        void* p = linux_model::drmm_kmalloc(&head, block_size);
        require(p != nullptr);
        return p;
    }
    void remove(key p) noexcept { require(linux_model::drmm_kfree(&head, p) == 0); }
};

struct linux_devm_remove_action : linux_devm_base {
    static constexpr const char* name = "linux_devm_remove_action";
    static constexpr bool scans = true;
    using key = cell*;

    void reserve(std::size_t) noexcept {}
    key add(cell* c, std::size_t) noexcept
    {
        require(linux_model::devm_add_action(&head, on_release, c) == 0);
        return c;
    }
    void remove(key c) noexcept { require(linux_model::devm_remove_action(&head, on_release, c) == 0); }
};

struct linux_devm_release_action : linux_devm_remove_action {
    static constexpr const char* name = "linux_devm_release_action";

    void remove(key c) noexcept { require(linux_model::devm_release_action(&head, on_release, c) == 0); }
};

struct linux_drmm_release_action : linux_drmm_base {
    static constexpr const char* name = "linux_drmm_release_action";
    static constexpr bool scans = true;
    using key = cell*;

    void reserve(std::size_t) noexcept {}
    key add(cell* c, std::size_t) noexcept
    {
        require(linux_model::drmm_add_action(&head, on_release, c) == 0);
        return c;
    }
    void remove(key c) noexcept { require(linux_model::drmm_release_action(&head, on_release, c) == 0); }
};

} // namespace bench
