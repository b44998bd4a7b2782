// SPDX-License-Identifier: MIT

#include <devres/diagnostics.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core.h"
#include "env/posix/symbol.h"
#include "warn.h"

namespace devres {
namespace detail {

namespace {

std::atomic<devres_warn_handler> warn_handler{nullptr};
std::atomic<std::size_t> warn_counter{0};

bool environment_says(const char* name) noexcept
{
    const char* value = std::getenv(name);
    return value && *value && std::strcmp(value, "0") != 0;
}

// Text of bounded length: a message never allocates but for the demangler.
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
            add(" %s \"%s\":", devres_owner_kind(head), devres_owner_name(head));
    }

    void add_resource(const description& what) noexcept
    {
        add(" %s", what.kind);
        if (what.name && std::strcmp(what.name, what.kind) != 0)
            add(" %s", what.name);
        else if (what.code) {
            add(" ");
            add_symbol(what.code);
        }
        add(":");
    }

    const char* text() const noexcept { return text_; }

private:
    char text_[512] = {};
    std::size_t used_ = 0;
};

void report(const line& message) noexcept
{
    static const bool panic = environment_says("DEVRES_PANIC_ON_WARN");
    warn_counter.fetch_add(1, std::memory_order_relaxed);
    if (const devres_warn_handler handler = warn_handler.load(std::memory_order_acquire))
        handler(message.text());
    else
        std::fprintf(stderr, "%s\n", message.text());
    if (panic)
        std::abort();
}

const char* kind_name(resource_kind kind) noexcept
{
    switch (kind) {
    case resource_kind::raw:
        return "resource";
    case resource_kind::node:
        return "node";
    case resource_kind::memory:
        return "memory";
    case resource_kind::action:
        return "action";
    case resource_kind::object:
        return "object";
    case resource_kind::callable:
        return "callable";
    case resource_kind::group:
    case resource_kind::group_end:
        return "group";
    }
    return "?";
}

void print_event(const char* op, devres_head* head, const char* kind, const char* name, std::size_t size)
{
    std::fprintf(stderr, "devres: %s \"%s\": %s %s (%zu bytes)\n", kind, devres_owner_name(head), op, name,
                 size);
}

} // namespace

constinit std::atomic<devres_log_fn> log_hook{nullptr};

namespace {

[[gnu::constructor]] void choose_log() noexcept
{
    if (environment_says("DEVRES_LOG"))
        log_hook.store(&print_event, std::memory_order_release);
}

} // namespace

description describe_action(action_payload action) noexcept
{
    return {"action", nullptr, reinterpret_cast<const void*>(action.fn), sizeof(action_payload)};
}

description describe(const resource* res) noexcept
{
    description d;
    // Not always under the lock: a construction that is taken back changes it.
    const resource_ops* ops = __atomic_load_n(&res->ops, __ATOMIC_RELAXED);
    d.kind = kind_name(ops->kind);
    d.name = ops->name;
    d.size = state_word::of(res).memory() == place::large ? prefix_of(res).size : res->size;
    // SAFETY of the casts: the kind says what the resource is.
    switch (ops->kind) {
    case resource_kind::raw:
        d.name = raw_of(res).name;
        d.code = reinterpret_cast<const void*>(raw_of(res).release);
        d.size = raw_of(res).size;
        break;
    case resource_kind::node: {
        const devres_node* node = core::node_of(const_cast<resource*>(res));
        d.name = core::name_of(node);
        d.code = core::code_of(node);
        break;
    }
    case resource_kind::action:
        d = describe_action(*static_cast<const action_payload*>(static_cast<const void*>(res + 1)));
        d.name = ops->name;
        break;
    default:
        break;
    }
    return d;
}

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
    message.add_resource(res);
    message.add(" ");
    std::va_list args;
    va_start(args, format);
    message.add_list(format, args);
    va_end(args);
    report(message);
}

void bug(const char* function, const devres_head* owner, const resource* res, const char* what) noexcept
{
    line message;
    message.add("devres: BUG: %s:", function);
    message.add_owner(const_cast<devres_head*>(owner)); // SAFETY: only to ask its name
    if (res && res->ops)
        message.add_resource(describe(res));
    message.add(" %s", what);
    std::fprintf(stderr, "%s\n", message.text());
    std::abort();
}

void bug(const char* function, devres_head* owner, const char* what) noexcept
{
    bug(function, owner, nullptr, what);
}

bool warn_if_not_empty(const char* function, devres_head* head) noexcept
{
    constexpr std::size_t most = 4;
    description newest[most];
    std::size_t n = 0;
    {
        const core::guard held(head, function);
        for (const links* at = core::list(head)->prev; at != core::list(head); at = at->prev, ++n)
            if (n < most)
                newest[n] = describe(static_cast<const resource*>(at));
    }
    if (n == 0)
        return false;
    line names;
    for (std::size_t i = 0; i < std::min(n, most); ++i)
        names.add_resource(newest[i]);
    warn(function, head, "%zu resources present:%s%s", n, names.text(), n > most ? " ..." : "");
    return true;
}

void log_event(const char* op, devres_head* head, const description& what) noexcept
{
    const devres_log_fn hook = log_hook.load(std::memory_order_acquire);
    if (!hook)
        return;
    line name;
    if (what.name)
        name.add("%s", what.name);
    else if (what.code)
        name.add_symbol(what.code);
    else
        name.add("%s", what.kind);
    hook(op, head, devres_owner_kind(head), name.text(), what.size);
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
    return detail::log_hook.exchange(fn, std::memory_order_acq_rel);
}

const char* devres_owner_kind(const devres_head* head) noexcept
{
    const devres_owner_ops* ops = detail::core::ops(head);
    return ops && ops->kind ? ops->kind : "owner";
}

const char* devres_owner_name(devres_head* head) noexcept
{
    const devres_owner_ops* ops = detail::core::ops(head);
    const char* name = ops && ops->name ? ops->name(head) : nullptr;
    return name ? name : "(unnamed)";
}

} // namespace devres
