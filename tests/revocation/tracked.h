// SPDX-License-Identifier: MIT
//
// An object that knows whether it lives, for those who might touch it too late.
#pragma once

#include <atomic>
#include <cstdlib>
#include <functional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <devres/detail/revocation.h>
#include <devres/revocable.h>

namespace devres::test {

// How many guards this thread holds as far as revokers can see, of those that its record has room for.
inline int slots_in_use()
{
    int n = 0;
    if (const detail::reader_record* mine = detail::my_record)
        for (const detail::reader_slot& slot : mine->slots)
            n += slot.domain.load() != 0 ? 1 : 0;
    return n;
}

// What happened to the objects of one test.
struct tracking {
    std::atomic<int> made{0};
    std::atomic<int> destroyed{0};
    std::function<void()> in_destructor;
};

class tracked {
public:
    explicit tracked(tracking* t, int v = 0) : value(v), tracking_(t) { ++tracking_->made; }
    ~tracked()
    {
        check();
        value = -1; // a plain write: ThreadSanitizer sees a reader that is still inside
        state_.store(gone);
        if (tracking_->in_destructor)
            tracking_->in_destructor();
        ++tracking_->destroyed;
    }
    tracked(const tracked&) = delete;
    tracked& operator=(const tracked&) = delete;

    // Returns: the value; aborts if the object is gone.
    int check() const
    {
        if (state_.load(std::memory_order_relaxed) != alive)
            std::abort();
        return value;
    }

    int value;

private:
    static constexpr unsigned alive = 0x600df00d;
    static constexpr unsigned gone = 0xdeadbeef;

    std::atomic<unsigned> state_{alive};
    tracking* tracking_;
};

// So many guards of this thread; detail::reader_record::capacity of them fill its record.
inline std::vector<revocable<tracked>::guard> take(unsigned many, const revocable<tracked>& of)
{
    std::vector<revocable<tracked>::guard> guards;
    while (guards.size() != many)
        guards.push_back(of.try_access());
    return guards;
}

} // namespace devres::test
