// SPDX-License-Identifier: MIT
//
// Linux's algorithm as a subject; see comparators/linux_model.
#pragma once

#include "comparators/linux_model/devm.h"
#include "comparators/linux_model/drmm.h"
#include "subjects/cell.h"

namespace bench {

struct linux_devm_base {
    linux_model::devm_head head;

    linux_devm_base() noexcept { linux_model::devm_init(&head); }
    linux_devm_base(const linux_devm_base&) = delete;
    linux_devm_base& operator=(const linux_devm_base&) = delete;

    void release_all() noexcept { linux_model::devm_release_all(&head); }
    void end() noexcept { release_all(); }

    static void on_release(void* c) { fire(static_cast<cell*>(c)); }
};

struct linux_devm : linux_devm_base {
    static constexpr const char* name = "linux_devm";

    void attach(cell* c) noexcept { require(linux_model::devm_add_action(&head, on_release, c) == 0); }

    void action(cell* c) noexcept { attach(c); }
    void* zalloc(std::size_t size) noexcept { return linux_model::devm_kzalloc(&head, size); }
    void* open() noexcept { return linux_model::devm_open_group(&head, nullptr); }
    void close(void* group) noexcept { linux_model::devm_close_group(&head, group); }

    void* grow(void* p, std::size_t size) noexcept { return linux_model::devm_krealloc(&head, p, size); }
};

struct linux_drmm_base {
    linux_model::drmm_head head;

    linux_drmm_base() noexcept { linux_model::drmm_init(&head); }
    linux_drmm_base(const linux_drmm_base&) = delete;
    linux_drmm_base& operator=(const linux_drmm_base&) = delete;

    void release_all() noexcept { linux_model::drmm_release_all(&head); }
    void end() noexcept { release_all(); }

    static void on_release(linux_model::drmm_head*, void* c) { fire(static_cast<cell*>(c)); }
};

struct linux_drmm : linux_drmm_base {
    static constexpr const char* name = "linux_drmm";

    void attach(cell* c) noexcept { require(linux_model::drmm_add_action(&head, on_release, c) == 0); }
};

} // namespace bench
