// SPDX-License-Identifier: MIT
//
// talloc (Samba's hierarchical allocator): a resource is a child of a context, its destructor the callback.
// Not thread safe.
#pragma once

#include "subjects/cell.h"

#include <talloc.h>

#include <cstddef>

namespace bench {

struct talloc_base {
    struct resource {
        cell* c;
    };

    TALLOC_CTX* context = talloc_new(nullptr);

    talloc_base() noexcept { require(context != nullptr); }
    ~talloc_base() { talloc_free(context); }
    talloc_base(const talloc_base&) = delete;
    talloc_base& operator=(const talloc_base&) = delete;

    void release_all() noexcept { talloc_free_children(context); }
    void end() noexcept {} // talloc_free(context) in the destructor frees the children as well

    static int on_free(resource* r)
    {
        fire(r->c);
        return 0;
    }

    resource* add_action(cell* c) noexcept
    {
        resource* r = talloc(context, resource);
        require(r != nullptr);
        r->c = c;
        talloc_set_destructor(r, on_free);
        return r;
    }
};

struct talloc_subject : talloc_base {
    static constexpr const char* name = "talloc";

    TALLOC_CTX* inside = nullptr; // the open group, or null

    void attach(cell* c) noexcept { add_action(c); }

    void action(cell* c) noexcept
    {
        resource* r = talloc(inside ? inside : context, resource);
        require(r != nullptr);
        r->c = c;
        talloc_set_destructor(r, on_free);
    }
    void* zalloc(std::size_t size) noexcept { return talloc_zero_size(inside ? inside : context, size); }
    void* open() noexcept { return inside = talloc_new(context); }
    void close(void*) noexcept { inside = nullptr; }

    void* grow(void* p, std::size_t size) noexcept { return talloc_realloc_size(context, p, size); }
};

// Memory freed by pointer: no destructor is set, as none is on a kmalloc'd block.
struct talloc_free_block : talloc_base {
    static constexpr const char* name = "talloc";
    static constexpr bool scans = false;
    using key = void*;

    void reserve(std::size_t) noexcept {}
    key add(cell*, std::size_t) noexcept
    {
        void* p = talloc_size(context, 64);
        require(p != nullptr);
        return p;
    }
    void remove(key p) noexcept { require(talloc_free(p) == 0); }
};

// An action dropped without being called: the destructor is taken off first.
struct talloc_remove : talloc_base {
    static constexpr const char* name = "talloc";
    static constexpr bool scans = false;
    using key = resource*;

    void reserve(std::size_t) noexcept {}
    key add(cell* c, std::size_t) noexcept { return add_action(c); }
    void remove(key r) noexcept
    {
        int (*none)(resource*) = nullptr;
        talloc_set_destructor(r, none);
        require(talloc_free(r) == 0);
    }
};

struct talloc_release : talloc_remove {
    void remove(key r) noexcept { require(talloc_free(r) == 0); }
};

} // namespace bench
