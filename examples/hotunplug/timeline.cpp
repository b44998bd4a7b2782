// SPDX-License-Identifier: MIT
#include "timeline.h"

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>

#include <sys/mman.h>

namespace hotunplug {
namespace {

struct shared_list {
    static constexpr std::size_t capacity = 1024;
    std::atomic<std::size_t> used{0};
    struct {
        std::atomic<bool> complete{false};
        entry value{};
    } slots[capacity];
};

shared_list* list = nullptr; // made by timeline_start
std::int64_t start_ns = 0;

std::int64_t now_ns()
{
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

[[gnu::format(printf, 4, 0)]] void add(lane who, event kind, resource which, const char* format,
                                       std::va_list args)
{
    const std::size_t i = list->used.fetch_add(1);
    if (i >= shared_list::capacity)
        return;
    entry& e = list->slots[i].value;
    e.ns = timeline_now_ns();
    e.who = who;
    e.kind = kind;
    e.which = which;
    std::vsnprintf(e.text, sizeof e.text, format, args);
    list->slots[i].complete.store(true, std::memory_order_release);
}

[[gnu::format(printf, 3, 4)]] void add_resource(event kind, resource which, const char* format, ...)
{
    std::va_list args;
    va_start(args, format);
    add(driver_lane, kind, which, format, args);
    va_end(args);
}

} // namespace

const char* name_of(resource which)
{
    static constexpr const char* names[resource_count] = {
        "device", "drm_device", "memfd", "mapping", "line", "eventfd", "reader", "capture", "registration",
    };
    return names[static_cast<int>(which)];
}

std::string name_of_lane(lane who)
{
    if (who == driver_lane)
        return "driver";
    if (who == hardware_lane)
        return "hardware";
    return "client " + std::to_string(who - hardware_lane);
}

std::int64_t timeline_now_ns()
{
    return now_ns() - start_ns;
}

void timeline_start()
{
    void* memory =
        mmap(nullptr, sizeof(shared_list), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        std::perror("hotunplug: mmap");
        std::_Exit(1);
    }
    list = new (memory) shared_list;
    start_ns = now_ns();
}

void note(lane who, const char* format, ...)
{
    std::va_list args;
    va_start(args, format);
    add(who, event::note, resource::device, format, args);
    va_end(args);
}

void mark(lane who, event kind, const char* format, ...)
{
    std::va_list args;
    va_start(args, format);
    add(who, kind, resource::device, format, args);
    va_end(args);
}

void taken(resource which, const char* text)
{
    add_resource(event::taken, which, "%s", text);
}
void released(resource which, const char* text)
{
    add_resource(event::released, which, "%s", text);
}
void failed(resource which, const char* text)
{
    add_resource(event::failed, which, "%s", text);
}

std::vector<entry> timeline_entries()
{
    std::vector<entry> entries;
    const std::size_t used = list->used.load();
    if (used > shared_list::capacity) {
        std::fprintf(stderr, "hotunplug: %zu timeline entries, room for %zu\n", used, shared_list::capacity);
        return entries;
    }
    for (std::size_t i = 0; i < used; ++i)
        if (list->slots[i].complete.load(std::memory_order_acquire))
            entries.push_back(list->slots[i].value);
    return entries;
}

std::vector<entry> timeline_by_time()
{
    std::vector<entry> entries = timeline_entries();
    std::ranges::stable_sort(entries, {}, &entry::ns);
    return entries;
}

} // namespace hotunplug
