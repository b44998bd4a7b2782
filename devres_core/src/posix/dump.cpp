// SPDX-License-Identifier: MIT
//
// Dumps: a list is described under its lock, into memory that was allocated before; text is made afterwards.

#include <devres/dump.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <new>
#include <utility>

#include <unistd.h>

#include <devres/devres.h>

#include "env/env.h"
#include "env/posix/origins.h"
#include "env/posix/process_lock.h"
#include "env/posix/symbol.h"
#include "list/two_step.h"

namespace devres {
namespace detail {

namespace {

class output {
public:
    output(devres_sink sink, void* context) noexcept : sink_(sink), context_(context) {}

    [[gnu::format(printf, 2, 3)]] void add(const char* format, ...) noexcept
    {
        char text[400];
        std::va_list args;
        va_start(args, format);
        const int length = std::vsnprintf(text, sizeof text, format, args);
        va_end(args);
        if (length > 0)
            put(text, static_cast<std::size_t>(length) < sizeof text ? static_cast<std::size_t>(length)
                                                                     : sizeof text - 1);
    }

    // A string of any length.
    void add_string(const char* s) noexcept { put(s, std::strlen(s)); }

    // The same as JSON has it. What is not UTF-8 becomes U+FFFD.
    void add_quoted(const char* s) noexcept
    {
        put("\"", 1);
        for (std::size_t bytes = 0; *s; s += bytes ? bytes : 1) {
            const auto c = static_cast<unsigned char>(*s);
            bytes = utf8_bytes(s);
            if (bytes == 0)
                add("\\ufffd");
            else if (c == '"' || c == '\\')
                add("\\%c", c);
            else if (c < 0x20)
                add("\\u%04x", c);
            else
                put(s, bytes);
        }
        put("\"", 1);
    }

    void put(const char* text, std::size_t bytes) noexcept { sink_(context_, text, bytes); }

private:
    // Of the character that `s` begins with; 0 if that is not well formed.
    static std::size_t utf8_bytes(const char* s) noexcept
    {
        const auto byte = [s](unsigned i) { return static_cast<unsigned char>(s[i]); };
        const unsigned first = byte(0);
        const std::size_t bytes = first < 0x80                     ? 1
                                  : first >= 0xc2 && first <= 0xdf ? 2
                                  : first >= 0xe0 && first <= 0xef ? 3
                                  : first >= 0xf0 && first <= 0xf4 ? 4
                                                                   : 0;
        for (unsigned i = 1; i < bytes; ++i)
            if ((byte(i) & 0xc0) != 0x80)
                return 0;
        // Too long for what they say, surrogates, and what is beyond Unicode.
        const bool is_wrong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) >= 0xa0) ||
                              (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) >= 0x90);
        return is_wrong ? 0 : bytes;
    }

    devres_sink sink_;
    void* context_;
};

struct listed_resource {
    description what;
    unsigned depth; // in how many groups it is
    bool is_marker;
};

// Of a whole list.
struct totals {
    std::size_t listed = 0;    // markers of groups included
    std::size_t resources = 0; // without
    std::size_t bytes = 0;
};

// Describes what is on the list, oldest first, up to `most`.
totals describe_all(devres_head* head, listed_resource* to, std::size_t most) noexcept
{
    totals all;
    unsigned depth = 0;
    const guard held(head, "devres_dump");
    for (resource* res = list_of(head).oldest_locked(); res; res = list_of(head).newer_locked(res)) {
        const resource_kind kind = res->ops->kind;
        if (kind == resource_kind::group_end && depth > 0)
            --depth;
        const bool is_marker = kind >= resource_kind::group;
        if (all.listed < most)
            to[all.listed] = {describe(res), depth, is_marker};
        if (kind == resource_kind::group)
            ++depth;
        ++all.listed;
        all.resources += is_marker ? 0 : 1;
        all.bytes += is_marker ? 0 : exact_size(res);
    }
    return all;
}

const char* name_of(const description& what, char* text, std::size_t bytes) noexcept
{
    if (what.name)
        return std::strcmp(what.name, what.kind) == 0 ? "" : what.name;
    if (!what.code)
        return "";
    symbol_of(what.code, text, bytes);
    return text;
}

// A list's description at one moment.
class snapshot {
public:
    explicit snapshot(devres_head* head) noexcept
    {
        // What is attached between the two walks is left out, but counted.
        capacity_ = describe_all(head, nullptr, 0).listed + 16;
        items_ = static_cast<listed_resource*>(
            ::operator new(capacity_ * sizeof(listed_resource), alignment, std::nothrow));
        if (!items_)
            capacity_ = 0;
        all_ = describe_all(head, items_, capacity_);
        for (std::size_t i = 0; i < shown(); ++i)
            resources_shown_ += items_[i].is_marker ? 0 : 1;
    }
    ~snapshot() { ::operator delete(items_, alignment); }
    snapshot(const snapshot&) = delete;
    snapshot& operator=(const snapshot&) = delete;

    std::size_t shown() const noexcept { return all_.listed < capacity_ ? all_.listed : capacity_; }
    std::size_t not_shown() const noexcept { return all_.resources - resources_shown_; }
    std::size_t resources() const noexcept { return all_.resources; }
    std::size_t bytes() const noexcept { return all_.bytes; }
    const listed_resource& newest(std::size_t i) const noexcept { return items_[shown() - 1 - i]; }

private:
    static constexpr std::align_val_t alignment{alignof(listed_resource)};

    listed_resource* items_ = nullptr;
    std::size_t capacity_ = 0;
    totals all_;
    std::size_t resources_shown_ = 0;
};

void write_text(devres_head* head, const snapshot& all, output& out) noexcept
{
    out.add_string(devres_owner_kind(head));
    out.add(" \"");
    out.add_string(devres_owner_name(head));
    out.add("\": %zu resource%s, %zu byte%s\n", all.resources(), all.resources() == 1 ? "" : "s", all.bytes(),
            all.bytes() == 1 ? "" : "s");
    for (std::size_t i = 0; i < all.shown(); ++i) {
        const listed_resource& one = all.newest(i);
        if (one.is_marker)
            continue;
        char symbol[256];
        const char* name = name_of(one.what, symbol, sizeof symbol);
        for (unsigned level = 0; level <= one.depth; ++level)
            out.put("  ", 2);
        out.add("%s%s", one.what.kind, *name ? " " : "");
        out.add_string(name);
        out.add(", %zu byte%s", one.what.size, one.what.size == 1 ? "" : "s");
        if (origin from; origin_of(one.what.resource, &from)) {
            out.add(", attached %llu ms ago in ", static_cast<unsigned long long>(from.milliseconds));
            out.add_string(from.where);
        }
        out.put("\n", 1);
    }
    if (all.not_shown())
        out.add("  and %zu more\n", all.not_shown());
}

void write_json(devres_head* head, const snapshot& all, output& out) noexcept
{
    out.add("{\"kind\":");
    out.add_quoted(devres_owner_kind(head));
    out.add(",\"name\":");
    out.add_quoted(devres_owner_name(head));
    out.add(",\"resources\":%zu,\"bytes\":%zu,\"not_shown\":%zu,\"newest_first\":[", all.resources(),
            all.bytes(), all.not_shown());
    const char* separator = "";
    for (std::size_t i = 0; i < all.shown(); ++i) {
        const listed_resource& one = all.newest(i);
        if (one.is_marker)
            continue;
        char symbol[256];
        out.add("%s{\"kind\":\"%s\",\"name\":", separator, one.what.kind);
        out.add_quoted(name_of(one.what, symbol, sizeof symbol));
        out.add(",\"bytes\":%zu,\"groups\":%u", one.what.size, one.depth);
        if (origin from; origin_of(one.what.resource, &from)) {
            out.add(",\"age_ms\":%llu,\"attached_in\":", static_cast<unsigned long long>(from.milliseconds));
            out.add_quoted(from.where);
        }
        out.put("}", 1);
        separator = ",";
    }
    out.add("]}");
}

void dump(devres_head* head, output& out, devres_format format) noexcept
{
    const snapshot all(head);
    if (format == devres_format::json)
        write_json(head, all, out);
    else
        write_text(head, all, out);
}

void write_to_fd(void* context, const char* text, std::size_t bytes) noexcept
{
    const int fd = *static_cast<const int*>(context); // SAFETY: what the callers below give
    while (bytes > 0) {
        const ssize_t written = ::write(fd, text, bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        text += written;
        bytes -= static_cast<std::size_t>(written);
    }
}

} // namespace

// The listed owners: a list of the devres_listed themselves.
struct listed_owners {
    static void add(devres_listed* one) noexcept
    {
        const scoped_lock held(process_lock);
        one->older_ = newest_;
        one->newer_ = nullptr;
        if (newest_)
            newest_->newer_ = one;
        else
            oldest_ = one;
        newest_ = one;
        one->number_ = ++last_number_;
    }
    static void remove(devres_listed* one) noexcept
    {
        process_lock.acquire();
        devres_head* const head = std::exchange(one->head_, nullptr); // no dump begins with it any more
        wait_clock clock;
        for (std::uint32_t dumps = one->dumps_; dumps != 0; dumps = one->dumps_) {
            process_lock.release();
            if (env_wait(one->dumps_, dumps, clock))
                warn("devres_listed", head, "has waited %lu ms for a dump of it, whose sink is still running",
                     clock.milliseconds());
            process_lock.acquire();
        }
        (one->older_ ? one->older_->newer_ : oldest_) = one->newer_;
        (one->newer_ ? one->newer_->older_ : newest_) = one->older_;
        process_lock.release();
    }
    static void dump_all(output& out, devres_format format) noexcept
    {
        const bool json = format == devres_format::json;
        const char* separator = "";
        if (json)
            out.add("[");
        process_lock.acquire();
        const std::uint64_t last = last_number_; // else it would never end if others are listed all the time
        for (devres_listed* one = oldest_; one && one->number_ <= last; one = one->newer_) {
            devres_head* head = one->head_;
            if (!head)
                continue;
            ++one->dumps_;
            process_lock.release(); // it stays, and keeps its place, until the count is taken back
            out.add("%s", separator);
            dump(head, out, format);
            separator = json ? ",\n" : "";
            process_lock.acquire();
            --one->dumps_;
            env_wake(one->dumps_);
        }
        process_lock.release();
        if (json)
            out.add("]\n");
    }

private:
    static constinit devres_listed* oldest_ DEVRES_GUARDED_BY(process_lock);
    static constinit devres_listed* newest_ DEVRES_GUARDED_BY(process_lock);
    static constinit std::uint64_t last_number_ DEVRES_GUARDED_BY(process_lock);
};

constinit devres_listed* listed_owners::oldest_ = nullptr;
constinit devres_listed* listed_owners::newest_ = nullptr;
constinit std::uint64_t listed_owners::last_number_ = 0;

} // namespace detail

devres_listed::devres_listed(devres_head* head) noexcept
{
    begin(head);
}

void devres_listed::begin(devres_head* head) noexcept
{
    if (head_)
        return;
    head_ = head;
    detail::listed_owners::add(this);
}

void devres_listed::end() noexcept
{
    if (head_)
        detail::listed_owners::remove(this);
}

void devres_dump(devres_head* head, devres_sink sink, void* context, devres_format format) noexcept
{
    detail::output out(sink, context);
    detail::dump(head, out, format);
    if (format == devres_format::json)
        out.add("\n");
}

void devres_dump(devres_head* head, int fd, devres_format format) noexcept
{
    devres_dump(head, &detail::write_to_fd, &fd, format);
}

void devres_dump_all(devres_sink sink, void* context, devres_format format) noexcept
{
    detail::output out(sink, context);
    detail::listed_owners::dump_all(out, format);
}

void devres_dump_all(int fd, devres_format format) noexcept
{
    devres_dump_all(&detail::write_to_fd, &fd, format);
}

} // namespace devres
