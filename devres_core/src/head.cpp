// SPDX-License-Identifier: MIT
//
// The two-step interface: resources of devres_alloc, and nodes of the caller's.

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include "core.h"
#include "release.h"

namespace devres {
namespace detail {

// --- The lock ----------------------------------------------------------------------------------------------

constinit thread_local const core::callback_guard* core::callback_guard::innermost = nullptr;

void core::reject_callback(const devres_head* head, const char* function) noexcept
{
    if (callback_guard::any([head](const devres_head* h) { return h == head; }))
        bug(function, head, nullptr, "called from a match or for_each callback of the same head");
}

void core::acquire_slow(devres_head* head, const char* function) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
{
    reject_callback(head, function);
    head->lock_.acquire_basic();
}

core::callback_guard::callback_guard(devres_head* head,
                                     const char* function) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
    : head_(head)
{
    reject_callback(head, function);
    head->lock_.acquire_plain();
    innermost = this;
}

core::callback_guard::~callback_guard() DEVRES_NO_THREAD_SAFETY_ANALYSIS
{
    innermost = outer_;
    head_->lock_.release_plain();
}

// --- The list --------------------------------------------------------------------------------------------

resource* core::detach_all_locked(devres_head* head, index** stale) noexcept
{
    auto* newest = static_cast<resource*>(head->list_.prev);
    head->list_.next->prev = nullptr;
    head->list_.next = head->list_.prev = &head->list_;
    head->epoch_ += one_epoch;
    *stale = take_index_locked(head);
    return newest;
}

std::size_t core::check(const devres_head* head) noexcept
{
    auto* h = const_cast<devres_head*>(head); // SAFETY: only the lock is changed
    const guard held(h, "check");
    std::size_t n = 0;
    const links* list = &h->list_;
    for (const links* at = list; at->next != list; at = at->next, ++n) {
        if (at->next->prev != at)
            bug("check", head, nullptr, "the links of the list disagree");
        if (!is_listed_locked(h, static_cast<const resource*>(at->next)) &&
            state_word::of(static_cast<const resource*>(at->next)).where() != life::constructing)
            bug("check", head, static_cast<const resource*>(at->next), "on the list but not marked so");
    }
    return n;
}

// --- Resources of devres_alloc -----------------------------------------------------------------------------

namespace {

void release_raw(devres_head* head, resource* res)
{
    if (const dr_release_t release = raw_of(res).release)
        release(head, res->payload());
}

// Idle is the only state in which a caller may do something with a resource.
void require_idle(resource* res, const devres_head* head, const char* function,
                  const char* otherwise) noexcept
{
    const life now = state_word::of(res).where();
    if (now != life::idle)
        bug(function, head, res,
            now == life::listed || now == life::detached ? otherwise : "not initialised");
}

resource* find_locked(devres_head* head, dr_release_t release, dr_match_t match,
                      void* match_data) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
{
    for (links* at = core::list(head)->prev; at != core::list(head); at = at->prev) {
        auto* res = static_cast<resource*>(at);
        if (res->ops != &raw_ops || raw_of(res).release != release)
            continue;
        if (!match || match(head, res->payload(), match_data))
            return res;
    }
    return nullptr;
}

resource* take(devres_head* head, dr_release_t release, dr_match_t match, void* match_data,
               const char* function) noexcept
{
    resource* res = nullptr;
    {
        const core::callback_guard held(head, function);
        res = find_locked(head, release, match, match_data);
        if (res)
            core::unlink_locked(head, res, life::idle);
    }
    if (res && logging())
        log_event("REM", head, describe(res));
    return res;
}

} // namespace

constexpr resource_ops raw_ops{resource_kind::raw, &release_raw, nullptr};

void free_raw(resource* res) noexcept
{
    set_life(res, life::free);
    std::free(&raw_of(res));
}

} // namespace detail

using namespace detail;

devres_head::devres_head(const devres_owner_ops* ops, std::pmr::memory_resource* upstream) noexcept
    : list_{&list_, &list_}, ops_(ops), upstream_(upstream)
{
}

void* devres_alloc(dr_release_t release, std::size_t size, gfp_t, const char* name) noexcept
{
    constexpr std::size_t front = sizeof(raw_prefix) + sizeof(resource);
    static_assert(front % alignof(std::max_align_t) == 0);
    std::size_t bytes = 0;
    if (__builtin_add_overflow(front, size, &bytes) || bytes > static_cast<std::size_t>(PTRDIFF_MAX))
        return nullptr;
    void* memory = std::calloc(1, bytes);
    if (!memory)
        return nullptr;
    auto* prefix = ::new (memory) raw_prefix{release, name, size};
    auto* res = ::new (static_cast<void*>(prefix + 1)) resource{{nullptr, nullptr}, &raw_ops, 0, 0};
    state_word::make(life::idle, place::heap).store(res);
    return res->payload();
}

void devres_free(void* res) noexcept
{
    if (!res)
        return;
    resource* header = resource::of(res);
    require_idle(header, no_owner, "devres_free", "still listed");
    free_raw(header);
}

void devres_add(devres_head* head, void* res) noexcept
{
    resource* header = resource::of(res);
    const description what = logging() ? describe(header) : description{};
    {
        const core::guard held(head, "devres_add");
        require_idle(header, head, "devres_add", "already listed");
        core::link_locked(head, header, state_word::make(life::listed, place::heap));
    }
    if (what.kind) [[unlikely]]
        log_event("ADD", head, what);
}

void* devres_find(devres_head* head, dr_release_t release, dr_match_t match, void* match_data) noexcept
{
    const core::callback_guard held(head, "devres_find");
    resource* res = find_locked(head, release, match, match_data);
    return res ? res->payload() : nullptr;
}

void* devres_get(devres_head* head, void* new_res, dr_match_t match, void* match_data) noexcept
{
    resource* fresh = resource::of(new_res);
    const description what = logging() ? describe(fresh) : description{};
    resource* found = nullptr;
    {
        const core::callback_guard held(head, "devres_get");
        require_idle(fresh, head, "devres_get", "already listed");
        found = find_locked(head, raw_of(fresh).release, match, match_data);
        if (!found)
            core::link_locked(head, fresh, state_word::make(life::listed, place::heap));
    }
    if (found) {
        devres_free(new_res);
        return found->payload();
    }
    if (what.kind) [[unlikely]]
        log_event("ADD", head, what);
    return new_res;
}

void* devres_remove(devres_head* head, dr_release_t release, dr_match_t match, void* match_data) noexcept
{
    resource* res = take(head, release, match, match_data, "devres_remove");
    return res ? res->payload() : nullptr;
}

int devres_destroy(devres_head* head, dr_release_t release, dr_match_t match, void* match_data) noexcept
{
    resource* res = take(head, release, match, match_data, "devres_destroy");
    if (!res)
        return -ENOENT;
    free_raw(res);
    return 0;
}

int devres_release(devres_head* head, dr_release_t release, dr_match_t match, void* match_data) noexcept
{
    pass one(head);
    {
        const core::callback_guard held(head, "devres_release");
        resource* res = find_locked(head, release, match, match_data);
        if (!res)
            return -ENOENT;
        claim_locked(one, res);
    }
    one.finish_one();
    return 0;
}

void devres_for_each_res(devres_head* head, dr_release_t release, dr_match_t match, void* match_data,
                         void (*fn)(devres_head*, void*, void*), void* data) noexcept
{
    if (!fn)
        return;
    const core::callback_guard held(head, "devres_for_each_res");
    for (links* at = core::list(head)->prev; at != core::list(head); at = at->prev) {
        auto* res = static_cast<resource*>(at);
        if (res->ops != &raw_ops || raw_of(res).release != release)
            continue;
        if (!match || match(head, res->payload(), match_data))
            fn(head, res->payload(), data);
    }
}

// --- Nodes -------------------------------------------------------------------------------------------------

namespace detail {

namespace {

constexpr resource_ops node_ops{resource_kind::node, &core::run_node, nullptr};

} // namespace

void core::run_node(devres_head* head, resource* res)
{
    devres_node* node = node_of(res);
    if (node->release_)
        node->release_(head, node);
}

void core::init_node(devres_node* node, void (*release)(devres_head*, devres_node*),
                     const char* name) noexcept
{
    const life now = state_word::of(&node->res_).where();
    if (now == life::listed || now == life::detached)
        bug("devres_node_init", node->head_, &node->res_, "still listed");
    node->res_.ops = &node_ops;
    node->res_.size = 0;
    state_word::make(life::idle, place::callers).store(&node->res_);
    node->release_ = release;
    node->name_ = name;
    node->head_ = nullptr;
}

const void* core::code_of(const devres_node* node) noexcept
{
    return reinterpret_cast<const void*>(node->release_);
}

} // namespace detail

devres_node::~devres_node()
{
    const life now = state_word::of(&res_).where();
    if (now == life::listed || now == life::detached)
        bug("~devres_node", head_, &res_, "destroyed while still listed");
}

void devres_node_init(devres_node* node, void (*release)(devres_head*, devres_node*),
                      const char* name) noexcept
{
    core::init_node(node, release, name);
}

void devres_node_add(devres_head* head, devres_node* node) noexcept
{
    resource* res = core::res_of(node);
    description what;
    const bool log = logging();
    {
        const core::guard held(head, "devres_node_add");
        require_idle(res, head, "devres_node_add", "already listed");
        core::head_of(node) = head;
        core::link_locked(head, res, state_word::make(life::listed, place::callers));
        if (log) [[unlikely]]
            what = describe(res);
    }
    if (log) [[unlikely]]
        log_event("ADD", head, what);
}

namespace {

bool node_is_on_locked(devres_head* head, devres_node* node) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
{
    return core::head_of(node) == head && core::is_listed_locked(head, core::res_of(node));
}

} // namespace

bool devres_node_remove(devres_head* head, devres_node* node) noexcept
{
    resource* res = core::res_of(node);
    {
        const core::guard held(head, "devres_node_remove");
        if (!node_is_on_locked(head, node))
            return false;
        core::unlink_locked(head, res, life::idle);
    }
    if (logging()) [[unlikely]]
        log_event("REM", head, describe(res));
    return true;
}

int devres_node_release(devres_head* head, devres_node* node) noexcept
{
    pass one(head);
    {
        const core::guard held(head, "devres_node_release");
        if (!node_is_on_locked(head, node))
            return -ENOENT;
        claim_locked(one, core::res_of(node));
    }
    one.finish_one();
    return 0;
}

} // namespace devres
