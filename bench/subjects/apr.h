// SPDX-License-Identifier: MIT
//
// APR pools (Apache): cleanups registered on a pool. Not thread safe; memory goes with the pool only.
#pragma once

#include "subjects/cell.h"

#include <apr_general.h>
#include <apr_pools.h>

#include <cstddef>

namespace bench {

struct apr_base {
    apr_pool_t* pool = nullptr;

    apr_base() noexcept
    {
        static const apr_status_t ready = apr_initialize();
        require(ready == APR_SUCCESS && apr_pool_create(&pool, nullptr) == APR_SUCCESS);
    }
    ~apr_base() { apr_pool_destroy(pool); }
    apr_base(const apr_base&) = delete;
    apr_base& operator=(const apr_base&) = delete;

    void release_all() noexcept { apr_pool_clear(pool); }
    void end() noexcept {} // apr_pool_destroy runs the cleanups as well

    static apr_status_t on_cleanup(void* c)
    {
        fire(static_cast<cell*>(c));
        return APR_SUCCESS;
    }
};

struct apr_subject : apr_base {
    static constexpr const char* name = "apr";

    apr_pool_t* inside = nullptr; // the open group, or null

    apr_pool_t* here() noexcept { return inside ? inside : pool; }
    void attach(cell* c) noexcept { apr_pool_cleanup_register(pool, c, on_cleanup, apr_pool_cleanup_null); }

    void action(cell* c) noexcept { apr_pool_cleanup_register(here(), c, on_cleanup, apr_pool_cleanup_null); }
    void* zalloc(std::size_t size) noexcept { return apr_pcalloc(here(), size); }
    void* open() noexcept
    {
        require(apr_pool_create(&inside, pool) == APR_SUCCESS);
        return inside;
    }
    void close(void*) noexcept { inside = nullptr; }
};

struct apr_release : apr_base {
    static constexpr const char* name = "apr";
    static constexpr bool scans = true;
    using key = cell*;

    void reserve(std::size_t) noexcept {}
    key add(cell* c, std::size_t) noexcept
    {
        apr_pool_cleanup_register(pool, c, on_cleanup, apr_pool_cleanup_null);
        return c;
    }
    void remove(key c) noexcept { require(apr_pool_cleanup_run(pool, c, on_cleanup) == APR_SUCCESS); }
};

// apr_pool_cleanup_kill: dropped without being called.
struct apr_remove : apr_release {
    void remove(key c) noexcept { apr_pool_cleanup_kill(pool, c, on_cleanup); }
};

} // namespace bench
