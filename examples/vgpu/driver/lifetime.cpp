// SPDX-License-Identifier: MIT
#include "lifetime.h"

#include <ctime>
#include <mutex>

namespace vgpu {
namespace {

std::mutex lock;
std::vector<lifetime_record> all;
// A daemon may run for long; who looks at pictures does not look at so many rows.
constexpr std::size_t most = 4096;

} // namespace

lifetime::lifetime(owned_by owner, const char* what, int card)
{
    const std::lock_guard held(lock);
    place_ = all.size();
    if (place_ < most)
        all.push_back({owner, what, card, now_ns(), -1});
}

lifetime::~lifetime()
{
    const std::lock_guard held(lock);
    if (place_ < all.size())
        all[place_].end_ns = now_ns();
}

std::vector<lifetime_record> lifetimes()
{
    const std::lock_guard held(lock);
    return all;
}

std::int64_t now_ns()
{
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

} // namespace vgpu
