// SPDX-License-Identifier: MIT
//
// A circular doubly linked list with a sentinel, as the kernel's lists are laid out: two pointers per entry.
//
// Thread safety: none; the caller holds the lock.
#pragma once

namespace linux_model {

struct list_head {
    list_head* next;
    list_head* prev;
};

inline void list_init(list_head* entry) noexcept
{
    entry->next = entry;
    entry->prev = entry;
}

inline bool list_empty(const list_head* list) noexcept
{
    return list->next == list;
}

inline void list_insert(list_head* entry, list_head* prev, list_head* next) noexcept
{
    next->prev = entry;
    entry->next = next;
    entry->prev = prev;
    prev->next = entry;
}

inline void list_add_front(list_head* entry, list_head* list) noexcept
{
    list_insert(entry, list, list->next);
}

inline void list_add_back(list_head* entry, list_head* list) noexcept
{
    list_insert(entry, list->prev, list);
}

inline void list_unlink(list_head* entry) noexcept
{
    entry->next->prev = entry->prev;
    entry->prev->next = entry->next;
    list_init(entry);
}

inline void list_move_back(list_head* entry, list_head* list) noexcept
{
    entry->next->prev = entry->prev;
    entry->prev->next = entry->next;
    list_add_back(entry, list);
}

inline void list_take_place_of(list_head* old_entry, list_head* entry) noexcept
{
    entry->next = old_entry->next;
    entry->prev = old_entry->prev;
    entry->next->prev = entry;
    entry->prev->next = entry;
    list_init(old_entry);
}

} // namespace linux_model
