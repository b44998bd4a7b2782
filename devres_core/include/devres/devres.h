// SPDX-License-Identifier: MIT
//
// The consumer-agnostic core: a list of resources on a head that any owner embeds.
//
// In Linux this code exists twice, for struct device and for struct drm_device. Here it is written for
// the head alone; an owner is reached from a release callback with container_of<&owner::devres>(head).
//
// Thread safety: every function may be called by any thread on any head at any time, as long as the head
// lives. No release callback runs and no memory is requested under the lock.
//
// Invariants
// 1. Resources are released in reverse order of adding (C1), each exactly once (C13) unless cut off (C12).
// 2. While a release callback runs the lock is not held (C2); after it, nothing of the head is touched
//    unless the head is known to live (C14).
// 3. What a release callback adds is not released by the pass under way (C11).
//
// Errors: 0 or -errno, or a null pointer. Misuse: see diagnostics.h. Numbers like C1 are the rules in
// devres_core/README.md.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <type_traits>

#include <devres/container_of.h>
#include <devres/detail/annotations.h>
#include <devres/detail/resource.h>
#include <devres/detail/resource_list.h>
#include <devres/diagnostics.h>
#include <devres/env/upstream.h>
#include <devres/gfp.h>
#include <devres/owner.h>

namespace devres {

struct devres_head;
struct devres_node;

namespace detail {

class pass;
struct block;
struct node_access;
struct description;
description describe(const resource* res) noexcept;

// Where the one-step resources of a head live. Changed under the lock only; relaxed atomic, so that an
// attach can see beforehand that there is no memory yet.
class memory_pointer {
public:
    operator block*() const noexcept { return memory_.load(std::memory_order_relaxed); }
    memory_pointer& operator=(block* memory) noexcept
    {
        memory_.store(memory, std::memory_order_relaxed);
        return *this;
    }

private:
    std::atomic<block*> memory_{nullptr};
};

// The compiled core's ways to the parts of a head: src/list to the list and the passes, src/memory to the
// memory. Nobody else needs more than the functions below.
resource_list& list_of(devres_head* head) noexcept;
pass*& passes_of(devres_head* head) noexcept;
memory_pointer& memory_of(devres_head* head) noexcept;
bool has_memory(const devres_head* head) noexcept;
upstream* upstream_of(const devres_head* head) noexcept;

} // namespace detail

// How messages name an owner. `name` may be null; it must not fail. It is called without the lock, but for
// the line of a BUG; so it should call nothing that uses the head. What it reads lives as long as the head,
// whose destructor may have to report: members that it reads are declared before the head.
struct devres_owner_ops {
    const char* kind;
    const char* (*name)(devres_head* head);
};

// Lock and list, embedded in an owner as its public member `devres`. Empty it costs no allocation.
//
// Memory for one-step attaches comes from blocks that the head owns, fetched from `upstream` (a
// std::pmr::memory_resource, or null for malloc) when first needed, reused by this head, and given back when
// the head has been drained. Whoever passes one includes the header that defines it.
// `upstream` must be safe to call from any thread that uses the head. It must outlive the head, every handle
// of a callable on it, and, if the owner ends in a release callback, the call that runs this callback: so it
// must not be a member of such an owner. What it attaches to the head while the owner ends is released as
// well; if it does so each time that something is given back, the end never comes. It may drain the head,
// though not on two threads at once, but end the owner only when it is called from a release or for memory
// that is given back, not from an attach.
struct devres_head {
    devres_head() noexcept : devres_head(nullptr) {}
    explicit devres_head(const devres_owner_ops* ops, detail::upstream* upstream = nullptr) noexcept
        : ops_(ops), upstream_(upstream)
    {
    }
    // Resources still on the head: WARN, and they are released (C12).
    ~devres_head();
    devres_head(const devres_head&) = delete;
    devres_head& operator=(const devres_head&) = delete;

private:
    friend detail::resource_list& detail::list_of(devres_head* head) noexcept;
    friend detail::pass*& detail::passes_of(devres_head* head) noexcept;
    friend detail::memory_pointer& detail::memory_of(devres_head* head) noexcept;
    friend bool detail::has_memory(const devres_head* head) noexcept;
    friend detail::upstream* detail::upstream_of(const devres_head* head) noexcept;
    friend const char* devres_owner_kind(const devres_head* head) noexcept;
    friend const char* devres_owner_name(devres_head* head) noexcept;

    detail::resource_list list_;
    // On the stacks of threads that are busy with the head; the innermost of a thread comes first.
    detail::pass* passes_ DEVRES_GUARDED_BY(list_) = nullptr;
    detail::memory_pointer memory_;
    const devres_owner_ops* ops_;
    detail::upstream* upstream_; // null: malloc
};

using dr_release_t = void (*)(devres_head* head, void* res);
using dr_match_t = bool (*)(devres_head* head, void* res, void* match_data);

// --- Resources in two steps: allocate, then add ------------------------------------------------------

// Allocates a resource of `size` payload bytes that `release` will release. Not yet on any head.
// Returns:  zeroed memory aligned for any fundamental type (size 0: distinct and non-null); null if there
//           is none, or if `size` is too large.
// Cost:     one malloc; 64 bytes besides the payload. `name` is for messages and is not copied: it has to be
//           there as long as anything may be said of the resource, which a literal is.
[[nodiscard]] void* devres_alloc(dr_release_t release, std::size_t size, gfp_t gfp = GFP_KERNEL,
                                 const char* name = nullptr) noexcept;

// Frees what devres_alloc returned. Never calls release (C4). Null is fine; still listed: BUG.
void devres_free(void* res) noexcept;

// Puts `res` on the head as its newest resource. Cannot fail (C5). Already listed: BUG.
void devres_add(devres_head* head, void* res) noexcept;

// The newest resource released by `release` that `match` accepts; a null `match` accepts any (C6).
// Returns:  the resource, still owned by the head, or null.
// Locking:  `match` runs under the head's lock and must not call back into the head (BUG, C2).
// Cost:     O(resources).
void* devres_find(devres_head* head, dr_release_t release, dr_match_t match = nullptr,
                  void* match_data = nullptr) noexcept;

// Finds as devres_find does, keyed by new_res's own release function, or adds `new_res`; in one step (C7).
// Returns:  the resource found (`new_res` is then freed, its release not called), else `new_res`.
void* devres_get(devres_head* head, void* new_res, dr_match_t match = nullptr,
                 void* match_data = nullptr) noexcept;

// Unlinks the newest match and hands it to the caller, who frees it with devres_free (C8). It may outlive the
// head.
// Returns:  the resource, or null.
[[nodiscard]] void* devres_remove(devres_head* head, dr_release_t release, dr_match_t match = nullptr,
                                  void* match_data = nullptr) noexcept;

// Unlinks the newest match and frees it without calling release.
// Returns:  0 or -ENOENT.
int devres_destroy(devres_head* head, dr_release_t release, dr_match_t match = nullptr,
                   void* match_data = nullptr) noexcept;

// Unlinks the newest match, releases it (no lock held) and frees it.
// Returns:  0 or -ENOENT.
int devres_release(devres_head* head, dr_release_t release, dr_match_t match = nullptr,
                   void* match_data = nullptr) noexcept;

// Calls `fn` for each resource released by `release` that `match` accepts, newest first (C9). Null `fn`:
// no-op.
// Locking:  `match` and `fn` run under the head's lock and must not call back into the head.
void devres_for_each_res(devres_head* head, dr_release_t release, dr_match_t match, void* match_data,
                         void (*fn)(devres_head* head, void* res, void* data), void* data) noexcept;

// --- Releasing everything ----------------------------------------------------------------------------

// One pass: detaches everything in one step, then releases it newest first without the lock (C10).
// What callbacks add stays for the next pass (C11).
// Returns:  how many resources this pass released (group markers not counted); 0 if empty.
int devres_release_all(devres_head* head) noexcept;

// The end of an owner: passes until the head is empty, then waits until no other thread is still releasing
// a resource it claimed before, or constructing or searching one (C12, C15), then gives the head's memory
// back, unless this thread is inside a release or a constructor of the same head. The head stays usable.
// Callbacks that add for ever are cut off: of the passes in which this thread's own callbacks had added
// something, if only for a while, the one numbered devres_max_passes does not release what it finds. WARN
// naming it; the memory of everything then on the head is freed, whoever has attached it; its release is not
// called, and the captures of callables and the objects in it are not destroyed. Managed threads of this
// owner (posix.h) are joined first.
// Returns:  how many resources were released.
// Locking:  call without locks that a release callback may want. Called from inside a release callback of the
//           same head, it also finishes what that callback's own pass still has to do, after what is newer:
//           callbacks that each drain nest on the stack, as deep as there are of them.
int devres_drain(devres_head* head) noexcept;
inline constexpr int devres_max_passes = 100;

// --- Groups ------------------------------------------------------------------------------------------

// Opens a group; resources added from now on are inside it until it is closed. Ids may repeat (G1).
// Returns:  `id`, or an id of its own if that is null; null on no memory.
[[nodiscard]] void* devres_open_group(devres_head* head, void* id, gfp_t gfp = GFP_KERNEL) noexcept;

// Look-up in the next three: by id the newest such group, open or closed; by null the newest open one (G2).

// Ends the group. Missing, or closed already: WARN, no change (G3).
void devres_close_group(devres_head* head, void* id) noexcept;

// Forgets the group, keeps its resources. Missing: WARN (G4).
void devres_remove_group(devres_head* head, void* id) noexcept;

// Releases what is inside the group, newest first, and the groups wholly inside (G5).
// Returns:  how many resources were released; 0 if there is no such group (WARN unless the head is empty).
int devres_release_group(devres_head* head, void* id) noexcept;

// A group as a scope: what is added while it lives is released at its end unless commit() was called.
// Locking:  to be used by one thread; other threads' resources added meanwhile are in the group as well.
class [[nodiscard]] devres_group_scope {
public:
    explicit devres_group_scope(devres_head* head) noexcept
        : head_(head), id_(devres_open_group(head, nullptr))
    {
    }
    template <managed_owner_ref R>
    explicit devres_group_scope(const R& owner) noexcept : devres_group_scope(detail::head_of(owner))
    {
    }
    ~devres_group_scope()
    {
        if (id_)
            devres_release_group(head_, id_);
    }
    devres_group_scope(const devres_group_scope&) = delete;
    devres_group_scope& operator=(const devres_group_scope&) = delete;

    // False if there was no memory to open the group.
    explicit operator bool() const noexcept { return id_ != nullptr; }

    // Keeps the resources and forgets the group. Twice is harmless.
    void commit() noexcept
    {
        if (id_)
            devres_remove_group(head_, id_);
        id_ = nullptr;
    }

private:
    devres_head* head_;
    void* id_;
};

// --- Nodes: memory of the caller, attaching cannot fail ------------------------------------------------

// Embed one in an object of your own. It must stay where it is while it is listed; destroyed listed: BUG.
struct devres_node {
    devres_node() = default;
    ~devres_node();
    devres_node(const devres_node&) = delete;
    devres_node& operator=(const devres_node&) = delete;

private:
    friend struct detail::node_access; // src/list/node.cpp
    friend detail::description detail::describe(const detail::resource*) noexcept;
    friend void devres_node_init(devres_node*, void (*)(devres_head*, devres_node*), const char*) noexcept;
    friend void devres_node_add(devres_head*, devres_node*) noexcept;
    friend bool devres_node_remove(devres_head*, devres_node*) noexcept;
    friend int devres_node_release(devres_head*, devres_node*) noexcept;

    detail::resource res_{};
    void (*release_)(devres_head*, devres_node*) = nullptr;
    const char* name_ = nullptr;
    // Written under the lock of the head that it is to name. Atomic, for a thread that asks another
    // head for the node.
    std::atomic<devres_head*> head_{nullptr};
};

// Makes `node` ready for devres_node_add. Listed: BUG. `name`, which may be null, has to live as long as the
// node is listed, and as a dump that describes it runs.
// `release` may free the node or add it again; the library does not touch the node after calling it.
void devres_node_init(devres_node* node, void (*release)(devres_head* head, devres_node* node),
                      const char* name = nullptr) noexcept;

// Puts `node` on the head as its newest resource. Allocates nothing, cannot fail. Listed already, or not
// initialised: BUG.
void devres_node_add(devres_head* head, devres_node* node) noexcept;

// Unlinks `node`; it belongs to the caller again and release is not called.
// Returns:  true iff this call unlinked it; false if it is not on this head or a release has it already.
// Cost:     O(1).
bool devres_node_remove(devres_head* head, devres_node* node) noexcept;

// Unlinks `node` and calls its release without the lock; an owner's end waits for that (C15).
// Returns:  0 or -ENOENT.
// Cost:     O(1).
int devres_node_release(devres_head* head, devres_node* node) noexcept;

} // namespace devres

#include <devres/detail/owner_forms.h> // the same functions on an owner or a proof
