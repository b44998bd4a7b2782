// SPDX-License-Identifier: MIT
#include "trace.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "../driver/lifetime.h"

namespace vgpu {
namespace {

constexpr std::size_t most = 100'000;

struct running {
    pid_t group;
    const char* name;
};

std::mutex lock;
std::vector<call_record> done;
std::map<std::uint64_t, running> under_way;
std::map<pid_t, call_counts> counts;
std::uint64_t next_number = 0;

std::condition_variable hold_changed;
std::string held_name;
int until_held = 0; // so many more calls of that name
enum class hold { no, wanted, now } holding = hold::no;
std::uint64_t holds_ended = 0;

} // namespace

traced_call::traced_call(pid_t group, const char* name) : group_(group), name_(name), begin_ns_(now_ns())
{
    const std::lock_guard held(lock);
    number_ = next_number++;
    under_way[number_] = {group, name};
}

traced_call::~traced_call()
{
    const std::int64_t end = now_ns();
    std::unique_lock held(lock);
    if (holding == hold::wanted && held_name == name_ && --until_held == 0) {
        holding = hold::now;
        hold_changed.notify_all();
        hold_changed.wait(held, [mine = holds_ended] { return holds_ended != mine; });
    }
    under_way.erase(number_);
    if (done.size() < most)
        done.push_back({group_, name_, result_, begin_ns_, end});
    call_counts& c = counts[group_];
    if (result_ < 0)
        ++c.failed[static_cast<int>(-result_)];
    else
        ++c.good;
}

void hold_at(const char* name, int count)
{
    const std::lock_guard held(lock);
    held_name = name;
    until_held = count;
    holding = hold::wanted;
}

void await_held()
{
    std::unique_lock held(lock);
    hold_changed.wait(held, [] { return holding != hold::wanted; });
}

void end_wait_for_hold()
{
    const std::lock_guard held(lock);
    if (holding == hold::wanted)
        holding = hold::no;
    hold_changed.notify_all();
}

void end_hold()
{
    const std::lock_guard held(lock);
    holding = hold::no;
    ++holds_ended;
    hold_changed.notify_all();
}

std::vector<call_record> traced_calls()
{
    const std::lock_guard held(lock);
    return done;
}

std::vector<std::string> calls_under_way(pid_t group)
{
    const std::lock_guard held(lock);
    std::vector<std::string> names;
    for (const auto& [number, one] : under_way)
        if (one.group == group)
            names.emplace_back(one.name);
    return names;
}

std::uint64_t call_counts::all() const
{
    std::uint64_t sum = good;
    for (const auto& [error, count] : failed)
        sum += count;
    return sum;
}

call_counts& call_counts::operator+=(const call_counts& more)
{
    good += more.good;
    for (const auto& [error, count] : more.failed)
        failed[error] += count;
    return *this;
}

call_counts take_counts(pid_t group)
{
    const std::lock_guard held(lock);
    return std::exchange(counts[group], {});
}

} // namespace vgpu
