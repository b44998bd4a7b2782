// SPDX-License-Identifier: MIT
//
// The compiled half of the managed family: what the typed templates of managed.h call.
//
// One-step attaches take header and payload from the head's memory and link them in one critical section.
// Thread safety: as devres.h.
#pragma once

#include <cstdarg>
#include <cstddef>

#include <devres/devres.h>

namespace devres::detail {

// --- Actions -----------------------------------------------------------------------------------------------

int attach_action(devres_head* head, const resource_ops* ops, action_payload action) noexcept;
int remove_action(devres_head* head, action_payload action, bool warn) noexcept;
int release_action(devres_head* head, action_payload action) noexcept;
bool is_action_added(devres_head* head, action_payload action) noexcept;

// --- Memory ------------------------------------------------------------------------------------------------

void* attach_memory(devres_head* head, std::size_t size, gfp_t gfp) noexcept;
void* resize_memory(devres_head* head, void* p, std::size_t size, gfp_t gfp) noexcept;
// Returns: false, after a WARN, if there is no such memory.
bool free_memory(devres_head* head, const void* p, const char* function = "kfree") noexcept;
void* duplicate_memory(devres_head* head, const void* src, std::size_t size, gfp_t gfp) noexcept;
char* duplicate_string(devres_head* head, const char* s, std::size_t max, gfp_t gfp) noexcept;
[[gnu::format(printf, 3, 0)]] char* format_string(devres_head* head, gfp_t gfp, const char* format,
                                                  std::va_list args) noexcept;

// Returns: n * size, or SIZE_MAX if that overflows, which no allocation can serve.
inline std::size_t array_size(std::size_t n, std::size_t size) noexcept
{
    std::size_t bytes = 0;
    return __builtin_mul_overflow(n, size, &bytes) ? static_cast<std::size_t>(-1) : bytes;
}

// --- Objects -----------------------------------------------------------------------------------------------

class place; // src/managed/place.h

// Who else will refer to a resource besides the list.
enum class sharing : bool { none, with_handle };

// A place in managed memory that is listed before its object is made (A8). Unless commit() is called the
// place is given back, so a constructor that throws leaves nothing behind.
//
// While one lives its thread has joined the head: an owner's end on another thread waits for it, and one on
// this thread leaves the place and its memory to it (src/list/README.md).
class construction {
public:
    construction(devres_head* head, const resource_ops* ops, std::size_t size, std::size_t align,
                 sharing shared = sharing::none) noexcept;
    ~construction();
    construction(const construction&) = delete;
    construction& operator=(const construction&) = delete;

    // False if there was no memory.
    explicit operator bool() const noexcept { return memory_ != nullptr; }
    void* memory() const noexcept { return memory_; }

    // The object is whole. Returns: the resource, now a live one; null if the owner was released while the
    // object was being made (WARN): the object has then been destroyed.
    resource* commit() noexcept;

private:
    place& rest() noexcept;

    void* memory_;
    alignas(void*) unsigned char rest_[20 * sizeof(void*)]; // a place, which only the compiled core knows
};

// Attaches a callable that is nothing but `size` bytes, and so needs no place reserved for its making.
// Returns: null on no memory.
resource* attach_bytes(devres_head* head, const callable_ops* ops, const void* bytes, std::size_t size,
                       sharing shared) noexcept;

// Unlinks the object at `p` if it is one of `ops`' kind on this head, destroys and frees it.
// Returns: 0, or -ENOENT after a WARN.
int destroy_object(devres_head* head, const void* p, const resource_ops* ops) noexcept;

// --- Handles of resources that are shared ------------------------------------------------------------------

int handle_cancel(resource* res) noexcept; // consumes the handle
int handle_run(resource* res) noexcept;    // consumes the handle
void handle_drop(resource* res) noexcept;

} // namespace devres::detail
