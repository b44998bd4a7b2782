// SPDX-License-Identifier: MIT

#include <devres/diagnostics.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/syscall.h>
#include <time.h> // NOLINT(modernize-deprecated-headers): clock_gettime
#include <unistd.h>

#include <devres/devres.h>

#include "env/env.h"
#include "env/posix/origins.h"
#include "env/posix/probes.h"
#include "env/posix/process_lock.h"
#include "env/posix/symbol.h"

namespace devres {
namespace detail {

namespace {

std::atomic<devres_warn_handler> warn_handler{nullptr};
std::atomic<std::size_t> warn_counter{0};
constinit bool panic_on_warn = false;

bool environment_says(const char* name) noexcept
{
    const char* value = std::getenv(name);
    return value && *value && std::strcmp(value, "0") != 0;
}

// Text of bounded length: a message never allocates but for the demangler. Names are cut off so that the
// reason has room.
class line {
public:
    [[gnu::format(printf, 2, 3)]] void add(const char* format, ...) noexcept
    {
        std::va_list args;
        va_start(args, format);
        add_list(format, args);
        va_end(args);
    }
    [[gnu::format(printf, 2, 0)]] void add_list(const char* format, std::va_list args) noexcept
    {
        const int n = std::vsnprintf(text_ + used_, sizeof(text_) - used_, format, args);
        if (n > 0)
            used_ = std::min(used_ + static_cast<std::size_t>(n), sizeof(text_) - 1);
    }

    // A function by its name, or by its place in its file.
    void add_symbol(const void* code) noexcept
    {
        char name[256];
        symbol_of(code, name, sizeof name);
        add("%s", name);
    }

    void add_owner(devres_head* head) noexcept
    {
        if (head)
            add(" %.100s \"%.200s\":", devres_owner_kind(head), devres_owner_name(head));
    }

    void add_resource(const description& what) noexcept
    {
        add(" %s", what.kind);
        if (what.name && std::strcmp(what.name, what.kind) != 0)
            add(" %.300s", what.name);
        else if (what.code) {
            add(" ");
            add_symbol(what.code);
        }
        if (origin from; origin_of(what.resource, &from))
            add(" attached %llu ms ago in %s", static_cast<unsigned long long>(from.milliseconds),
                from.where);
        add(":");
    }

    const char* text() const noexcept { return text_; }

private:
    char text_[1024] = {};
    std::size_t used_ = 0;
};

void report(const line& message) noexcept
{
    warn_counter.fetch_add(1, std::memory_order_relaxed);
    if (const devres_warn_handler handler = warn_handler.load(std::memory_order_acquire))
        handler(message.text());
    else
        std::fprintf(stderr, "%s\n", message.text());
    if (panic_on_warn)
        std::abort();
}

// Time and thread first, so that a trace of several threads can be put in order (tools/trace_to_chrome.py).
void print_event(const char* op, devres_head* head, const char* kind, const char* name, std::size_t size)
{
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    std::fprintf(stderr, "devres: %lld.%06ld [%ld] %s \"%s\": %s %s (%zu bytes)\n",
                 static_cast<long long>(now.tv_sec), now.tv_nsec / 1000, ::syscall(SYS_gettid), kind,
                 devres_owner_name(head), op, name, size);
}

} // namespace

namespace {

std::atomic<devres_log_fn> log_hook{nullptr};

devres_log_fn choose_log(devres_log_fn hook) noexcept
{
    const scoped_lock held(process_lock); // so that the hook and the listeners agree
    const devres_log_fn before = log_hook.exchange(hook, std::memory_order_acq_rel);
    if (hook)
        event_listeners.fetch_or(hook_listens, std::memory_order_release);
    else
        event_listeners.fetch_and(~hook_listens, std::memory_order_release);
    return before;
}

[[gnu::constructor]] void look_at_environment() noexcept
{
    panic_on_warn = environment_says("DEVRES_PANIC_ON_WARN");
    if (environment_says("DEVRES_LOG"))
        choose_log(&print_event);
}

} // namespace

void warn(const char* function, devres_head* owner, const char* format, ...) noexcept
{
    line message;
    message.add("devres: WARN: %s:", function);
    message.add_owner(owner);
    message.add(" ");
    std::va_list args;
    va_start(args, format);
    message.add_list(format, args);
    va_end(args);
    report(message);
}

void warn(const char* function, devres_head* owner, const description& res, const char* format, ...) noexcept
{
    line message;
    message.add("devres: WARN: %s:", function);
    message.add_owner(owner);
    if (res)
        message.add_resource(res);
    message.add(" ");
    std::va_list args;
    va_start(args, format);
    message.add_list(format, args);
    va_end(args);
    report(message);
}

void warn_of_many(const char* function, devres_head* owner, const description* res, std::size_t most,
                  std::size_t count) noexcept
{
    line names;
    for (std::size_t i = 0; i < std::min(count, most); ++i)
        names.add_resource(res[i]);
    if (count == 1)
        warn(function, owner, "there still is a resource:%s", names.text());
    else
        warn(function, owner, "there still are %zu resources:%s%s", count, names.text(),
             count > most ? " ..." : "");
}

void bug(const char* function, devres_head* owner, const description& res, const char* what) noexcept
{
    static constinit thread_local bool is_naming = false;
    line message;
    message.add("devres: BUG: %s:", function);
    if (!std::exchange(is_naming, true)) // else the owner's name() has come back here
        message.add_owner(owner);
    if (res)
        message.add_resource(res);
    message.add(" %s", what);
    std::fprintf(stderr, "%s\n", message.text());
    std::abort();
}

void bug(const char* function, devres_head* owner, const char* what) noexcept
{
    bug(function, owner, {}, what);
}

void log_event(const char* op, devres_head* head, const description& what) noexcept
{
    const std::uintptr_t listeners = event_listeners.load(std::memory_order_acquire);
    if (listeners & origins_listen)
        op[0] == 'A' ? note_origin(what.resource) : forget_origin(what.resource);
    if ((listeners & ~origins_listen) == 0)
        return;
    line name;
    if (what.name)
        name.add("%s", what.name);
    else if (what.code)
        name.add_symbol(what.code);
    else
        name.add("%s", what.kind);
    const char* kind = devres_owner_kind(head);
    probe_event(op, head, kind, name.text(), what.size);
    if (const devres_log_fn hook = log_hook.load(std::memory_order_acquire))
        hook(op, head, kind, name.text(), what.size);
}

} // namespace detail

devres_warn_handler devres_set_warn_handler(devres_warn_handler handler) noexcept
{
    return detail::warn_handler.exchange(handler, std::memory_order_acq_rel);
}

std::size_t devres_warn_count() noexcept
{
    return detail::warn_counter.load(std::memory_order_relaxed);
}

devres_log_fn devres_set_log(devres_log_fn fn) noexcept
{
    return detail::choose_log(fn);
}

const char* devres_owner_kind(const devres_head* head) noexcept
{
    const devres_owner_ops* ops = head->ops_;
    return ops && ops->kind ? ops->kind : "owner";
}

const char* devres_owner_name(devres_head* head) noexcept
{
    const devres_owner_ops* ops = head->ops_;
    const char* name = ops && ops->name ? ops->name(head) : nullptr;
    return name ? name : "(unnamed)";
}

} // namespace devres
