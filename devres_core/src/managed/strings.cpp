// SPDX-License-Identifier: MIT
//
// Copies and strings in managed memory (A7).

#include <cstdio>
#include <cstring>

#include <devres/detail/attach.h>

#include "env/env.h"
#include "managed/filled.h"

namespace devres::detail {

void* duplicate_memory(devres_head* head, const void* src, std::size_t size, gfp_t gfp) noexcept
{
    return attach_filled(head, size, gfp, [src, size](void* memory) { std::memcpy(memory, src, size); });
}

char* duplicate_string(devres_head* head, const char* s, std::size_t max, gfp_t gfp) noexcept
{
    if (!s)
        return nullptr;
    const std::size_t length = max == static_cast<std::size_t>(-1) ? std::strlen(s) : ::strnlen(s, max);
    return static_cast<char*>(attach_filled(head, length + 1, gfp, [s, length](void* memory) {
        std::memcpy(memory, s, length);
        static_cast<char*>(memory)[length] = '\0';
    }));
}

namespace {

// `length` characters, which may be NUL as well: "%c" writes them (as in Linux), and a NUL behind them.
char* duplicate_text(devres_head* head, const char* text, std::size_t length, gfp_t gfp) noexcept
{
    return static_cast<char*>(duplicate_memory(head, text, length + 1, gfp));
}

} // namespace

char* format_string(devres_head* head, gfp_t gfp, const char* format, std::va_list args) noexcept
{
    char text[256]; // most are short, and are then formatted once and without the lock
    std::va_list again;
    va_copy(again, args);
    const int n = std::vsnprintf(text, sizeof(text), format, args);
    char* s = nullptr;
    if (n >= 0 && static_cast<std::size_t>(n) < sizeof(text)) {
        s = duplicate_text(head, text, static_cast<std::size_t>(n), gfp);
    } else if (n >= 0) {
        const std::size_t bytes = static_cast<std::size_t>(n) + 1;
        if (auto* longer = static_cast<char*>(env_allocate(nullptr, bytes, 1, {gfp}))) {
            std::vsnprintf(longer, bytes, format, again);
            s = duplicate_text(head, longer, static_cast<std::size_t>(n), gfp);
            env_free(nullptr, longer, bytes, 1);
        }
    }
    va_end(again);
    return s;
}

} // namespace devres::detail
