// SPDX-License-Identifier: MIT
#include "usage.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include <unistd.h>

#include <devres/diagnostics.h>

#include "../driver/lifetime.h"

namespace vgpu {
namespace {

class counting_resource : public std::pmr::memory_resource {
public:
    std::atomic<std::size_t> bytes{0};

private:
    void* do_allocate(std::size_t size, std::size_t alignment) override
    {
        void* memory = std::pmr::new_delete_resource()->allocate(size, alignment);
        bytes += size;
        return memory;
    }
    void do_deallocate(void* memory, std::size_t size, std::size_t alignment) override
    {
        bytes -= size;
        std::pmr::new_delete_resource()->deallocate(memory, size, alignment);
    }
    bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

counting_resource counted;

std::size_t entries(const char* folder)
{
    std::error_code error;
    std::filesystem::directory_iterator all(folder, error);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::size_t buffer_mappings()
{
    std::ifstream maps("/proc/self/maps");
    std::size_t found = 0;
    for (std::string line; std::getline(maps, line);)
        found += line.find("vgpu-buffer") != std::string::npos;
    return found;
}

} // namespace

std::pmr::memory_resource& counted_memory()
{
    return counted;
}

usage usage_now()
{
    return {entries("/proc/self/fd"), entries("/proc/self/task"), buffer_mappings(), counted.bytes,
            devres::devres_warn_count()};
}

usage usage_at_start()
{
    pid_t first = 0;
    std::thread([&first] { first = gettid(); }).join();
    std::error_code error;
    while (std::filesystem::exists("/proc/self/task/" + std::to_string(first), error))
        std::this_thread::yield();
    return usage_now();
}

usage usage_like(const usage& before)
{
    usage now = usage_now();
    const std::int64_t patience = now_ns() + 60'000'000'000;
    while (now.threads > before.threads && now_ns() < patience) {
        std::this_thread::yield();
        now = usage_now();
    }
    return now;
}

std::string describe(const usage& u)
{
    return "open files " + std::to_string(u.open_files) + ", threads " + std::to_string(u.threads) +
           ", mappings of buffers " + std::to_string(u.buffer_mappings) + ", managed bytes " +
           std::to_string(u.managed_bytes) + ", misuse reported " + std::to_string(u.library_warnings);
}

} // namespace vgpu
