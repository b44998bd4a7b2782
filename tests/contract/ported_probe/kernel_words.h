// SPDX-License-Identifier: MIT
//
// Words of the kernel that <devres/kernel.h> does not give, and that a port brings along: types, a lock,
// lists, registers, memory that nobody manages.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <type_traits>

#include <devres/container_of.h>
#include <devres/kernel.h>

using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

struct mutex : std::mutex {};
inline void mutex_lock(struct mutex* lock)
{
    lock->lock();
}
inline void mutex_unlock(struct mutex* lock)
{
    lock->unlock();
}

// --- Lists -------------------------------------------------------------------------------------------------

struct list_head {
    list_head* next;
    list_head* prev;
};
inline void INIT_LIST_HEAD(list_head* list)
{
    list->next = list->prev = list;
}
inline void list_add_tail(list_head* node, list_head* list)
{
    node->next = list;
    node->prev = list->prev;
    list->prev->next = node;
    list->prev = node;
}

#define list_entry(node, pos, member)                                                                        \
    (devres::container_of<&std::remove_pointer_t<decltype(pos)>::member>(node))
#define list_for_each_entry(pos, list, member)                                                               \
    for (pos = list_entry((list)->next, pos, member); &pos->member != (list);                                \
         pos = list_entry(pos->member.next, pos, member))
#define list_for_each_entry_safe(pos, following, list, member)                                               \
    for (pos = list_entry((list)->next, pos, member), following = list_entry(pos->member.next, pos, member); \
         &pos->member != (list); pos = following, following = list_entry(pos->member.next, pos, member))

// --- Registers ---------------------------------------------------------------------------------------------

inline u32 readl(const void* address)
{
    return __atomic_load_n(static_cast<const u32*>(address), __ATOMIC_RELAXED);
}
inline void writel(u32 value, void* address)
{
    __atomic_store_n(static_cast<u32*>(address), value, __ATOMIC_RELAXED);
}

// --- Memory that nobody manages: the test counts it --------------------------------------------------------

devres::any_ptr kzalloc(std::size_t bytes, devres::gfp_t gfp);
void kfree(const void* memory);
