// SPDX-License-Identifier: MIT
//
// A memory_resource that counts, checks what is given back, and fails when told to. What it gives is full of
// rubbish, and so is what it gets back: who counts on zeros, or looks at freed memory, does not get away with
// it.
//
// Thread safety: any thread; the settings are for the test's own thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <memory_resource>
#include <mutex>
#include <new>
#include <utility>

#include <gtest/gtest.h>

namespace devres::test {

class test_upstream : public std::pmr::memory_resource {
public:
    test_upstream() = default;
    ~test_upstream() override
    {
        EXPECT_EQ(0u, blocks_.size()) << "blocks were not given back to the upstream";
    }
    test_upstream(const test_upstream&) = delete;
    test_upstream& operator=(const test_upstream&) = delete;

    // The allocation number `nth` from now fails (0: the next one), once or with all that follow.
    void fail_once(std::size_t nth) { set_failure(nth, nth); }
    void fail_from(std::size_t nth) { set_failure(nth, never); }
    void fail_no_more() { set_failure(never, 0); }
    // Larger ones fail.
    void allow_up_to(std::size_t bytes) { largest_ = bytes; }

    std::size_t calls() const { return read(calls_); }
    std::size_t failures() const { return read(failures_); }
    std::size_t live_bytes() const { return read(live_bytes_); }
    std::size_t live_blocks() const
    {
        const std::lock_guard held(lock_);
        return blocks_.size();
    }

    // Runs in each allocate and deallocate.
    std::function<void()> on_call;
    // Runs once, when something has been given back.
    std::function<void()> on_next_free;

private:
    static constexpr int rubbish = 0xa5;
    static constexpr std::size_t never = std::numeric_limits<std::size_t>::max();
    std::size_t largest_ = std::size_t{1} << 40; // more would end a run under AddressSanitizer
    struct block {
        std::size_t bytes;
        std::size_t alignment;
    };

    void* do_allocate(std::size_t bytes, std::size_t alignment) override
    {
        if (on_call)
            on_call();
        if (next_fails() || bytes > largest_)
            return std::pmr::null_memory_resource()->allocate(
                bytes, alignment); // throws, whatever we are built with
        void* p = ::operator new(bytes, std::align_val_t(alignment));
        std::memset(p, rubbish, bytes);
        const std::lock_guard held(lock_);
        blocks_[p] = {bytes, alignment};
        live_bytes_ += bytes;
        return p;
    }

    void do_deallocate(void* p, std::size_t bytes, std::size_t alignment) override
    {
        if (on_call)
            on_call();
        {
            const std::lock_guard held(lock_);
            const auto found = blocks_.find(p);
            if (found == blocks_.end()) {
                ADD_FAILURE() << "given back, but not taken from here";
                return;
            }
            EXPECT_EQ(found->second.bytes, bytes) << "given back with another size";
            EXPECT_EQ(found->second.alignment, alignment) << "given back with another alignment";
            live_bytes_ -= found->second.bytes;
            alignment = found->second.alignment;
            std::memset(p, rubbish, found->second.bytes);
            blocks_.erase(found);
        }
        ::operator delete(p, std::align_val_t(alignment));
        if (const auto now = std::exchange(on_next_free, nullptr))
            now();
    }

    bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override
    {
        return this == &other;
    }

    bool next_fails()
    {
        const std::lock_guard held(lock_);
        const std::size_t number = calls_++ - base_;
        const bool fails = number >= first_failing_ && number <= last_failing_;
        failures_ += fails ? 1 : 0;
        return fails;
    }

    void set_failure(std::size_t first, std::size_t last)
    {
        const std::lock_guard held(lock_);
        base_ = calls_;
        failures_ = 0;
        first_failing_ = first;
        last_failing_ = last;
    }

    std::size_t read(const std::size_t& counter) const
    {
        const std::lock_guard held(lock_);
        return counter;
    }

    mutable std::mutex lock_;
    std::map<void*, block> blocks_;
    std::size_t live_bytes_ = 0;
    std::size_t calls_ = 0;
    std::size_t failures_ = 0;
    std::size_t base_ = 0;
    std::size_t first_failing_ = never;
    std::size_t last_failing_ = 0;
};

} // namespace devres::test
