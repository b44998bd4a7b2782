// SPDX-License-Identifier: MIT
#include "comparators/linux_model/devm.h"

#include <malloc.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace linux_model {

namespace {

using guard = std::lock_guard<spinlock>;

struct action_payload {
    void (*action)(void*);
    void* data;
};

struct group {
    devm_node open;
    devm_node close;
    void* id;
    int seen; // how many of its ends a release of everything has met
};

void* payload_of(devm_node* node) noexcept
{
    return node + 1;
}

devm_node* node_of(void* payload) noexcept
{
    return static_cast<devm_node*>(payload) - 1;
}

devm_node* node_of_entry(list_head* entry) noexcept
{
    return reinterpret_cast<devm_node*>(entry); // SAFETY: entry is the first member
}

void node_init(devm_node* node, devm_release release, const char* name, std::size_t size) noexcept
{
    list_init(&node->entry);
    node->release = release;
    node->name = name;
    node->size = size;
}

devm_node* resource_alloc(devm_release release, std::size_t size, const char* name) noexcept
{
    std::size_t total;
    if (__builtin_add_overflow(sizeof(devm_node), size, &total))
        return nullptr;
    void* memory = std::malloc(total);
    if (!memory)
        return nullptr;
    auto* node = static_cast<devm_node*>(memory);
    node_init(node, release, name, size);
    return node;
}

void resource_add(devm_head* head, devm_node* node) noexcept
{
    guard lock(head->lock);
    list_add_back(&node->entry, &head->resources);
}

// Called through the node's pointer, as a driver's own release functions are.
void release_action(devm_head*, void* payload)
{
    auto* p = static_cast<action_payload*>(payload);
    p->action(p->data);
}

void release_memory(devm_head*, void*) {}
void release_group_open(devm_head*, void*) {}
void release_group_close(devm_head*, void*) {}

bool match_action(devm_head*, void* payload, void* wanted)
{
    auto* a = static_cast<action_payload*>(payload);
    auto* b = static_cast<action_payload*>(wanted);
    return a->action == b->action && a->data == b->data;
}

bool match_memory(devm_head*, void* payload, void* wanted)
{
    return payload == wanted;
}

devm_node* find_newest_locked(devm_head* head, devm_release release, devm_match match, void* wanted) noexcept
{
    for (list_head* e = head->resources.prev; e != &head->resources; e = e->prev) {
        devm_node* node = node_of_entry(e);
        if (node->release == release && match(head, payload_of(node), wanted))
            return node;
    }
    return nullptr;
}

devm_node* remove_newest(devm_head* head, devm_release release, devm_match match, void* wanted) noexcept
{
    guard lock(head->lock);
    devm_node* node = find_newest_locked(head, release, match, wanted);
    if (node)
        list_unlink(&node->entry);
    return node;
}

group* group_of(devm_node* node) noexcept
{
    if (node->release == release_group_open)
        return reinterpret_cast<group*>(node); // SAFETY: open is the first member
    if (node->release == release_group_close)
        return reinterpret_cast<group*>(node - 1); // SAFETY: close follows open
    return nullptr;
}

// Takes everything off the head, group ends as well; only opening ends go to `todo`, they carry the memory.
int detach_all_locked(devm_head* head, list_head* todo) noexcept
{
    int resources = 0;
    int groups = 0;
    for (list_head *e = head->resources.next, *next; e != &head->resources; e = next) {
        next = e->next;
        if (group* g = group_of(node_of_entry(e))) {
            g->seen = 0;
            ++groups;
        } else {
            list_move_back(e, todo);
            ++resources;
        }
    }
    if (groups == 0)
        return resources;
    for (list_head *e = head->resources.next, *next; e != &head->resources; e = next) {
        next = e->next;
        group* g = group_of(node_of_entry(e));
        ++g->seen;
        if (list_empty(&g->close.entry))
            ++g->seen;
        if (g->seen == 2) {
            list_unlink(&g->close.entry);
            list_move_back(&g->open.entry, todo);
        }
    }
    return resources;
}

} // namespace

void devm_init(devm_head* head) noexcept
{
    list_init(&head->resources);
}

int devm_add_action(devm_head* head, void (*action)(void*), void* data) noexcept
{
    devm_node* node = resource_alloc(release_action, sizeof(action_payload), "action");
    if (!node)
        return -ENOMEM;
    auto* payload = static_cast<action_payload*>(payload_of(node));
    payload->action = action;
    payload->data = data;
    resource_add(head, node);
    return 0;
}

int devm_remove_action(devm_head* head, void (*action)(void*), void* data) noexcept
{
    action_payload wanted{action, data};
    devm_node* node = remove_newest(head, release_action, match_action, &wanted);
    if (!node)
        return -ENOENT;
    std::free(node);
    return 0;
}

int devm_release_action(devm_head* head, void (*action)(void*), void* data) noexcept
{
    action_payload wanted{action, data};
    devm_node* node = remove_newest(head, release_action, match_action, &wanted);
    if (!node)
        return -ENOENT;
    node->release(head, payload_of(node));
    std::free(node);
    return 0;
}

void* devm_kmalloc(devm_head* head, std::size_t size) noexcept
{
    devm_node* node = resource_alloc(release_memory, size, "kmalloc");
    if (!node)
        return nullptr;
    resource_add(head, node);
    return payload_of(node);
}

void* devm_kzalloc(devm_head* head, std::size_t size) noexcept
{
    devm_node* node = resource_alloc(release_memory, size, "kmalloc");
    if (!node)
        return nullptr;
    std::memset(payload_of(node), 0, size);
    resource_add(head, node);
    return payload_of(node);
}

void* devm_krealloc(devm_head* head, void* block, std::size_t size) noexcept
{
    if (!block)
        return devm_kmalloc(head, size);
    // As the kernel asks its allocator how large the block really is, and keeps it while that is enough.
    const std::size_t old_total = ::malloc_usable_size(node_of(block));
    if (sizeof(devm_node) + size <= old_total)
        return block;
    devm_node* fresh = resource_alloc(release_memory, size, "kmalloc");
    if (!fresh)
        return nullptr;
    devm_node* old_node;
    {
        guard lock(head->lock);
        old_node = find_newest_locked(head, release_memory, match_memory, block);
        if (old_node)
            list_take_place_of(&old_node->entry, &fresh->entry);
    }
    if (!old_node) {
        std::free(fresh);
        return nullptr;
    }
    std::memcpy(payload_of(fresh), block, old_total - sizeof(devm_node));
    std::free(old_node);
    return payload_of(fresh);
}

int devm_kfree(devm_head* head, void* block) noexcept
{
    devm_node* node = remove_newest(head, release_memory, match_memory, block);
    if (!node)
        return -ENOENT;
    std::free(node);
    return 0;
}

void* devm_open_group(devm_head* head, void* id) noexcept
{
    auto* g = static_cast<group*>(std::malloc(sizeof(group)));
    if (!g)
        return nullptr;
    node_init(&g->open, release_group_open, "group<", 0);
    node_init(&g->close, release_group_close, "group>", 0);
    g->id = id ? id : g;
    resource_add(head, &g->open);
    return g->id;
}

void devm_close_group(devm_head* head, void* id) noexcept
{
    guard lock(head->lock);
    for (list_head* e = head->resources.prev; e != &head->resources; e = e->prev) {
        devm_node* node = node_of_entry(e);
        if (node->release != release_group_open)
            continue;
        group* g = group_of(node);
        if (id ? g->id == id : list_empty(&g->close.entry)) {
            list_add_back(&g->close.entry, &head->resources);
            return;
        }
    }
}

int devm_release_all(devm_head* head) noexcept
{
    list_head todo;
    list_init(&todo);
    int released;
    {
        guard lock(head->lock);
        if (list_empty(&head->resources))
            return 0;
        released = detach_all_locked(head, &todo);
    }
    for (list_head *e = todo.prev, *prev; e != &todo; e = prev) {
        prev = e->prev;
        devm_node* node = node_of_entry(e);
        node->release(head, payload_of(node));
        std::free(node);
    }
    return released;
}

} // namespace linux_model
