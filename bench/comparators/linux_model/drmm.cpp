// SPDX-License-Identifier: MIT
#include "comparators/linux_model/drmm.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace linux_model {

namespace {

using guard = std::lock_guard<spinlock>;

void* payload_of(drmm_node* node) noexcept
{
    return node + 1;
}

drmm_node* node_of_entry(list_head* entry) noexcept
{
    return reinterpret_cast<drmm_node*>(entry); // SAFETY: entry is the first member
}

void* data_of(drmm_node* node) noexcept
{
    return node->size ? *static_cast<void**>(payload_of(node)) : nullptr;
}

drmm_node* resource_alloc(drmm_release release, std::size_t size, const char* name) noexcept
{
    std::size_t total;
    if (__builtin_add_overflow(sizeof(drmm_node), size, &total))
        return nullptr;
    void* memory = std::malloc(total);
    if (!memory)
        return nullptr;
    auto* node = static_cast<drmm_node*>(memory);
    list_init(&node->entry);
    node->release = release;
    node->name = name;
    node->size = size;
    return node;
}

void resource_add(drmm_head* head, drmm_node* node) noexcept
{
    guard lock(head->lock);
    list_add_front(&node->entry, &head->resources);
}

} // namespace

void drmm_init(drmm_head* head) noexcept
{
    list_init(&head->resources);
}

int drmm_add_action(drmm_head* head, drmm_release action, void* data) noexcept
{
    drmm_node* node = resource_alloc(action, data ? sizeof(void*) : 0, "action");
    if (!node)
        return -ENOMEM;
    if (data)
        *static_cast<void**>(payload_of(node)) = data;
    resource_add(head, node);
    return 0;
}

int drmm_release_action(drmm_head* head, drmm_release action, void* data) noexcept
{
    drmm_node* found = nullptr;
    {
        guard lock(head->lock);
        for (list_head* e = head->resources.prev; e != &head->resources; e = e->prev) {
            drmm_node* node = node_of_entry(e);
            if (node->release == action && data_of(node) == data) {
                list_unlink(e);
                found = node;
                break;
            }
        }
    }
    if (!found)
        return -ENOENT;
    action(head, data);
    std::free(found);
    return 0;
}

void* drmm_kmalloc(drmm_head* head, std::size_t size) noexcept
{
    drmm_node* node = resource_alloc(nullptr, size, "kmalloc");
    if (!node)
        return nullptr;
    resource_add(head, node);
    return payload_of(node);
}

void* drmm_kzalloc(drmm_head* head, std::size_t size) noexcept
{
    drmm_node* node = resource_alloc(nullptr, size, "kmalloc");
    if (!node)
        return nullptr;
    std::memset(payload_of(node), 0, size);
    resource_add(head, node);
    return payload_of(node);
}

int drmm_kfree(drmm_head* head, void* block) noexcept
{
    drmm_node* found = nullptr;
    {
        guard lock(head->lock);
        for (list_head* e = head->resources.next; e != &head->resources; e = e->next) {
            drmm_node* node = node_of_entry(e);
            if (payload_of(node) == block) {
                list_unlink(e);
                found = node;
                break;
            }
        }
    }
    if (!found)
        return -ENOENT;
    std::free(found);
    return 0;
}

void drmm_release_all(drmm_head* head) noexcept
{
    for (list_head *e = head->resources.next, *next; e != &head->resources; e = next) {
        next = e->next;
        drmm_node* node = node_of_entry(e);
        if (node->release)
            node->release(head, data_of(node));
        std::free(node);
    }
    list_init(&head->resources);
}

} // namespace linux_model
