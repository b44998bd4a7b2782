// SPDX-License-Identifier: MIT
//
// What many write by hand: a vector or a list of std::function, with and without a mutex.
//
// As in every other subject callbacks run without the lock: the container is swapped out first. The vector's
// memory is swapped back afterwards, so that it need not grow anew.
#pragma once

#include "subjects/cell.h"

#include <cstddef>
#include <cstdlib>
#include <functional>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

namespace bench {

struct no_mutex {
    void lock() noexcept {}
    void unlock() noexcept {}
};

template <class Mutex>
struct vector_of_functions {
    Mutex mutex;
    std::vector<std::function<void()>> functions;

    void attach(cell* c)
    {
        std::lock_guard lock(mutex);
        functions.emplace_back([c] { fire(c); });
    }
    void release_all()
    {
        std::vector<std::function<void()>> todo;
        {
            std::lock_guard lock(mutex);
            todo.swap(functions);
        }
        while (!todo.empty()) {
            todo.back()();
            todo.pop_back();
        }
        std::lock_guard lock(mutex);
        if (functions.empty())
            functions.swap(todo);
    }
    void end() { release_all(); }

    void action(cell* c) { attach(c); }
    void* zalloc(std::size_t size)
    {
        void* p = std::calloc(1, size);
        attach_free(p);
        return p;
    }
    void attach_free(void* p)
    {
        std::lock_guard lock(mutex);
        functions.emplace_back([p] { std::free(p); });
    }
    // A group is the size the vector had: all that such code needs to unwind to it.
    void* open()
    {
        std::lock_guard lock(mutex);
        mark = functions.size();
        return &mark;
    }
    void close(void*) noexcept {}

    std::size_t mark = 0;
};

struct vector_function : vector_of_functions<no_mutex> {
    static constexpr const char* name = "vector_function";
};
struct vector_function_mutex : vector_of_functions<std::mutex> {
    static constexpr const char* name = "vector_function_mutex";
};

struct list_function_mutex {
    static constexpr const char* name = "list_function_mutex";

    std::mutex mutex;
    std::list<std::function<void()>> functions;

    void attach(cell* c)
    {
        std::lock_guard lock(mutex);
        functions.emplace_front([c] { fire(c); });
    }
    void release_all()
    {
        std::list<std::function<void()>> todo;
        {
            std::lock_guard lock(mutex);
            todo.swap(functions);
        }
        while (!todo.empty()) {
            todo.front()();
            todo.pop_front();
        }
    }
    void end() { release_all(); }
};

struct list_erase : list_function_mutex {
    static constexpr bool scans = false;
    using key = std::list<std::function<void()>>::iterator;

    void reserve(std::size_t) noexcept {}
    key add(cell* c, std::size_t)
    {
        std::lock_guard lock(mutex);
        return functions.emplace(functions.begin(), [c] { fire(c); });
    }
    void remove(key it)
    {
        std::lock_guard lock(mutex);
        functions.erase(it);
    }
};

// Called, too: taken out under the lock, called without it.
struct list_erase_and_call : list_erase {
    void remove(key it)
    {
        std::list<std::function<void()>> one;
        {
            std::lock_guard lock(mutex);
            one.splice(one.begin(), functions, it);
        }
        one.front()();
    }
};

} // namespace bench
