// SPDX-License-Identifier: MIT
#include "leak_check.h"

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include <unistd.h>

#include <devres/diagnostics.h>

#include "process.h"
#include "trace.h"

namespace hotunplug {
namespace {

class counting_resource : public std::pmr::memory_resource {
public:
    std::atomic<std::size_t> blocks{0};
    std::atomic<std::size_t> bytes{0};

private:
    void* do_allocate(std::size_t size, std::size_t alignment) override
    {
        void* memory = std::pmr::new_delete_resource()->allocate(size, alignment);
        ++blocks;
        bytes += size;
        return memory;
    }
    void do_deallocate(void* memory, std::size_t size, std::size_t alignment) override
    {
        --blocks;
        bytes -= size;
        std::pmr::new_delete_resource()->deallocate(memory, size, alignment);
    }
    bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

counting_resource counted;
std::atomic<std::size_t> attached{0};
std::atomic<std::size_t> ended{0}; // released, or handed out and dropped

devres::devres_log_fn log_before = nullptr; // what DEVRES_LOG=1 installs

void count_event(const char* op, devres::devres_head* head, const char* kind, const char* name,
                 std::size_t size)
{
    if (std::strcmp(op, "ADD") == 0)
        ++attached;
    else
        ++ended;
    trace_add(op, head, kind, name, size);
    if (log_before)
        log_before(op, head, kind, name, size);
}

std::size_t count_threads()
{
    std::error_code error;
    std::filesystem::directory_iterator tasks("/proc/self/task", error);
    return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

std::size_t count_shared_mappings()
{
    std::ifstream maps("/proc/self/maps");
    std::size_t found = 0;
    for (std::string line; std::getline(maps, line);)
        found += line.find("-samples") != std::string::npos;
    return found;
}

} // namespace

std::pmr::memory_resource& counted_memory()
{
    return counted;
}

void leak_check_start()
{
    log_before = devres::devres_set_log(count_event);
    // ThreadSanitizer starts its own thread with our first one, which must not be counted any more itself.
    pid_t first = 0;
    std::thread([&first] { first = gettid(); }).join();
    const std::string task = "/proc/self/task/" + std::to_string(first);
    while (access(task.c_str(), F_OK) ==
           0) // the kernel wakes who joins a moment before it takes the thread off
        std::this_thread::yield();
}

usage usage_now()
{
    return {open_files().size(), count_threads(), count_shared_mappings(), counted.blocks, counted.bytes};
}

std::string describe(const usage& used)
{
    return "open files " + std::to_string(used.open_files) + ", threads " + std::to_string(used.threads) +
           ", memfd mappings " + std::to_string(used.shared_mappings) + ", managed bytes " +
           std::to_string(used.bytes);
}

void check_leaks(checks& all, const usage& before)
{
    usage now = usage_now();
    // The kernel wakes who joins a thread a moment before it takes the thread off the list.
    for (int i = 0; i < 100'000 && now.threads > before.threads; ++i) {
        std::this_thread::yield();
        now.threads = count_threads();
    }
    all.expect_equal("open files", before.open_files, now.open_files);
    all.expect_equal("threads", before.threads, now.threads);
    all.expect_equal("mappings of the memfd", before.shared_mappings, now.shared_mappings);
    all.expect_equal("managed memory, bytes", before.bytes, now.bytes);
    all.expect_equal("managed memory, blocks", before.blocks, now.blocks);
    all.expect_equal("the library's log: attached and released", attached.load(), ended.load());
    all.expect_equal("misuse reported by the library", std::size_t{0}, devres::devres_warn_count());
}

} // namespace hotunplug
