// SPDX-License-Identifier: MIT
//
// Threads that have read something once and have been asleep ever since: what a process with many threads
// looks like to whoever revokes.
//
// They are never joined: their program ends with std::_Exit. Stacks are small, so that ten thousand fit.
#pragma once

#include "subjects/cell.h"

#include <atomic>
#include <cstddef>
#include <functional>

#include <limits.h>
#include <pthread.h>

namespace bench {

class crowd {
public:
    // Starts `n` threads, each of which calls `read` once; returns when all of them sleep. If the machine
    // refuses that many threads, size() is smaller.
    crowd(std::size_t n, std::function<void()> read) : read_(std::move(read))
    {
        pthread_attr_t attributes;
        require(pthread_attr_init(&attributes) == 0);
        require(pthread_attr_setstacksize(&attributes, stack_size) == 0);
        pthread_t thread;
        while (size_ < n && pthread_create(&thread, &attributes, run, this) == 0) {
            ++size_;
            pthread_detach(thread);
        }
        pthread_attr_destroy(&attributes);
        for (std::size_t now = asleep_.load(); now != size_; now = asleep_.load())
            asleep_.wait(now);
    }
    crowd(const crowd&) = delete;
    crowd& operator=(const crowd&) = delete;

    std::size_t size() const noexcept { return size_; }

private:
    static constexpr std::size_t stack_size = 32 * 1024;
    static_assert(stack_size >= 16 * 1024, "what pthreads asks for at least");

    static void* run(void* self)
    {
        static_cast<crowd*>(self)->sleep();
        return nullptr;
    }

    void sleep()
    {
        read_();
        asleep_.fetch_add(1);
        asleep_.notify_one();
        never_.wait(0);
    }

    std::function<void()> read_;
    std::size_t size_ = 0;
    std::atomic<std::size_t> asleep_{0};
    std::atomic<int> never_{0};
};

} // namespace bench
