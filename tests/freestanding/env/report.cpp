// SPDX-License-Identifier: MIT
//
// Messages without a C library: a formatter of the few conversions that messages have, over harness.h.

#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include <devres/devres.h>

#include "env/env.h"
#include "harness.h"

namespace devres {
namespace detail {

namespace {

// Text of bounded length; what does not fit is left out.
class line {
public:
    [[gnu::format(printf, 2, 3)]] void add(const char* format, ...) noexcept
    {
        std::va_list args;
        va_start(args, format);
        add_list(format, args);
        va_end(args);
    }

    // Knows %s %d %u %lu %zu %p and %%. Any other conversion is printed as it stands, and the rest with it.
    [[gnu::format(printf, 2, 0)]] void add_list(const char* format, std::va_list args) noexcept
    {
        static_assert(sizeof(unsigned long) == sizeof(std::size_t));
        for (; *format; ++format) {
            if (*format != '%') {
                add_char(*format);
                continue;
            }
            const char conversion = *++format;
            if (conversion == 's') {
                const char* text = va_arg(args, const char*);
                add_text(text ? text : "(null)");
            } else if (conversion == 'd') {
                const int number = va_arg(args, int);
                if (number < 0)
                    add_char('-');
                add_number(number < 0 ? -static_cast<unsigned long>(number)
                                      : static_cast<unsigned long>(number));
            } else if (conversion == 'u') {
                add_number(va_arg(args, unsigned));
            } else if ((conversion == 'l' || conversion == 'z') && format[1] == 'u') {
                ++format;
                add_number(va_arg(args, unsigned long));
            } else if (conversion == 'p') {
                add_text("0x");
                add_number(reinterpret_cast<std::uintptr_t>(va_arg(args, void*)), 16);
            } else if (conversion == '%') {
                add_char('%');
            } else {
                add_text(format - 1);
                return;
            }
        }
    }

    void add_owner(devres_head* head) noexcept
    {
        if (head)
            add(" %s \"%s\":", devres_owner_kind(head), devres_owner_name(head));
    }

    void add_resource(const description& what) noexcept
    {
        if (what.name)
            add(" %s %s:", what.kind, what.name);
        else if (what.code)
            add(" %s %p:", what.kind, what.code);
        else
            add(" %s:", what.kind);
    }

    const char* text() const noexcept { return text_; }

private:
    void add_char(char c) noexcept
    {
        if (used_ + 1 < sizeof text_)
            text_[used_++] = c;
    }
    void add_text(const char* text) noexcept
    {
        for (; *text; ++text)
            add_char(*text);
    }
    void add_number(unsigned long number, unsigned base = 10) noexcept
    {
        char digits[3 * sizeof number];
        std::size_t count = 0;
        do
            digits[count++] = "0123456789abcdef"[number % base];
        while ((number /= base) != 0);
        while (count != 0)
            add_char(digits[--count]);
    }

    char text_[512] = {};
    std::size_t used_ = 0;
};

} // namespace

constinit std::atomic<std::uintptr_t> event_listeners{0};

namespace {

std::atomic<devres_log_fn> log_hook{nullptr};

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
    freestanding::warn(message.text());
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
    freestanding::warn(message.text());
}

void warn_of_many(const char* function, devres_head* owner, const description* res, std::size_t most,
                  std::size_t count) noexcept
{
    line message;
    message.add("devres: WARN: %s:", function);
    message.add_owner(owner);
    message.add(" resources that are still there: %zu:", count);
    for (std::size_t i = 0; i < count && i < most; ++i)
        message.add_resource(res[i]);
    freestanding::warn(message.text());
}

void bug(const char* function, devres_head* owner, const description& res, const char* what) noexcept
{
    line message;
    message.add("devres: BUG: %s:", function);
    message.add_owner(owner);
    if (res)
        message.add_resource(res);
    message.add(" %s", what);
    freestanding::bug(message.text());
}

void log_event(const char* op, devres_head* head, const description& res) noexcept
{
    if (const devres_log_fn hook = log_hook.load(std::memory_order_acquire))
        hook(op, head, devres_owner_kind(head), res.name ? res.name : res.kind, res.size);
}

} // namespace detail

devres_log_fn devres_set_log(devres_log_fn fn) noexcept
{
    detail::event_listeners.store(fn != nullptr, std::memory_order_release);
    return detail::log_hook.exchange(fn, std::memory_order_acq_rel);
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
