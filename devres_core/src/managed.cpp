// SPDX-License-Identifier: MIT
//
// The compiled half of the managed family: actions, memory, strings.

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "core.h"
#include "release.h"

namespace devres::detail {

// --- Actions -----------------------------------------------------------------------------------------------

namespace {

[[gnu::noinline]] int attach_action_slowly(devres_head* head, const resource_ops* ops,
                                           action_payload action) noexcept
{
    resource* res = core::attach(head, ops, sizeof(action), alignof(action_payload),
                                 state_word::make(life::listed), "add_action", [action](resource* r) {
                                     r->size = 0; // a hint into the index, none yet
                                     ::new (r->payload()) action_payload(action);
                                 });
    if (!res)
        return -ENOMEM;
    if (logging()) [[unlikely]]
        log_event("ADD", head, describe_action(action));
    return 0;
}

} // namespace

int attach_action(devres_head* head, const resource_ops* ops, action_payload action) noexcept
{
    constexpr unsigned size_class = arena::class_for(sizeof(action));
    if (!logging() && core::attach_quickly(head, ops, size_class, sizeof(action), 0, [action](void* payload) {
            ::new (payload) action_payload(action);
        })) [[likely]]
        return 0;
    return attach_action_slowly(head, ops, action);
}

bool is_action_added(devres_head* head, action_payload action) noexcept
{
    bool added = false;
    core::with_key(head, key_of(action), "is_action_added",
                   [&](const resource* res) DEVRES_NO_THREAD_SAFETY_ANALYSIS { added = res != nullptr; });
    return added;
}

namespace {

[[gnu::noinline]] int remove_action_slowly(devres_head* head, action_payload action,
                                           bool warn_if_missing) noexcept
{
    bool removed = false;
    block* garbage = nullptr;
    core::with_key(head, key_of(action), "remove_action",
                   [&](resource* res) DEVRES_NO_THREAD_SAFETY_ANALYSIS {
                       if (!res)
                           return;
                       removed = true;
                       core::unlink_locked(head, res, life::detached);
                       arena::retire(res);
                       garbage = core::memory(head)->give_locked(res);
                   });
    arena::free_blocks(core::upstream(head), garbage);
    if (!removed) {
        if (warn_if_missing)
            warn("remove_action", head, describe_action(action), "not attached, or released already");
        return -ENOENT;
    }
    if (logging()) [[unlikely]]
        log_event("REM", head, describe_action(action));
    return 0;
}

} // namespace

int remove_action(devres_head* head, action_payload action, bool warn_if_missing) noexcept
{
    if (!logging() && core::remove_quickly(head, key_of(action))) [[likely]]
        return 0;
    return remove_action_slowly(head, action, warn_if_missing);
}

namespace {

[[gnu::noinline]] bool claim_action_slowly(pass& one, action_payload action) noexcept
{
    core::with_key(one.head, key_of(action), "release_action",
                   [&](resource* res) DEVRES_NO_THREAD_SAFETY_ANALYSIS {
                       if (res)
                           claim_locked(one, res);
                   });
    if (!one.pending)
        warn("release_action", one.head, describe_action(action), "not attached, or released already");
    return one.pending != nullptr;
}

} // namespace

int release_action(devres_head* head, action_payload action) noexcept
{
    pass one(head);
    const auto take = [key = key_of(action)](devres_head* h)
                          DEVRES_NO_THREAD_SAFETY_ANALYSIS { return core::take_only_locked(h, key); };
    if (!claim_quickly(one, take) && !claim_action_slowly(one, action))
        return -ENOENT;
    one.finish_one();
    return 0;
}

// --- Memory ------------------------------------------------------------------------------------------------

namespace {

constexpr resource_ops memory_ops{resource_kind::memory, nullptr, "memory"};

bool is_no_memory(const void* p) noexcept
{
    return !p || p == ZERO_SIZE_PTR;
}

std::size_t size_of(const resource* res) noexcept
{
    return state_word::of(res).memory() == place::large ? prefix_of(res).size : res->size;
}

// A place whose constructor threw while a pass already had it: freed, neither released nor counted.
constexpr resource_ops cancelled_ops{resource_kind::group_end, nullptr, "cancelled"};

// What is wrong with a pointer that a caller says is a managed `ops` of this head; null if nothing.
struct looked_up {
    resource* res = nullptr;
    const char* wrong = nullptr;
    description what; // if there is a resource that is something else
};

// `res`: what the arena or the index has at `p`, or null.
looked_up look_at_locked(devres_head* head, resource* res,
                         const resource_ops* ops) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
{
    looked_up found;
    if (!res) {
        found.wrong = "not managed by this owner";
        return found;
    }
    const life now = state_word::of(res).where();
    if (now == life::free) {
        found.wrong = "freed already";
    } else if (now == life::constructing) {
        found.wrong = "still being constructed";
        found.what = describe(res);
    } else if (!core::is_listed_locked(head, res)) {
        found.wrong = "being released already";
        found.what = describe(res);
    } else if (res->ops != ops) {
        found.wrong = ops == &memory_ops ? "not plain memory" : "another kind of resource";
        found.what = describe(res);
    } else {
        found.res = res;
    }
    return found;
}

// Calls work(resource) under the lock with what the caller says is a managed `ops` of this head at `p`, if it
// is.
// Returns: what was found, for the report.
template <class Work>
looked_up with_pointer(devres_head* head, const void* p, const resource_ops* ops, const char* function,
                       Work work) noexcept
{
    looked_up found;
    const auto look = [&](resource* res) DEVRES_NO_THREAD_SAFETY_ANALYSIS {
        found = look_at_locked(head, res, ops);
        if (found.res)
            work(found.res);
    };
    for (bool settled = false; !settled;) {
        const core::guard held(head, function);
        resource* res = nullptr;
        arena* memory = core::memory(head);
        settled = !memory || memory->find_slot_locked(p, &res);
        if (settled && res) {
            look(res);
            return found;
        }
    }
    core::with_key(head, key_of(p), function, look);
    return found;
}

void report(const char* function, devres_head* head, const void* p, const looked_up& found) noexcept
{
    if (found.what.kind)
        warn(function, head, found.what, "%p is %s", p, found.wrong);
    else
        warn(function, head, "%p is %s", p, found.wrong);
}

} // namespace

namespace {

// Managed memory with its contents, filled in by fill(memory) before another thread can find and free it: a
// large block before the lock is taken, a slot under it, which is at most a thousand bytes.
template <class Fill>
[[gnu::noinline]] void* attach_filled(devres_head* head, std::size_t size, Fill fill) noexcept
{
    if (size == 0)
        return ZERO_SIZE_PTR;
    resource* res = core::attach(
        head, &memory_ops, size, alignof(std::max_align_t), state_word::make(life::listed), "kmalloc",
        [](resource*) {}, core::listing::now, fill);
    if (!res)
        return nullptr;
    if (logging()) [[unlikely]]
        log_event("ADD", head, {"memory", "memory", nullptr, size});
    return res->payload();
}

} // namespace

void* attach_memory(devres_head* head, std::size_t size, gfp_t gfp) noexcept
{
    if (gfp & __GFP_ZERO)
        return attach_filled(head, size, [size](void* memory) { std::memset(memory, 0, size); });
    const unsigned size_class = arena::class_for(size);
    if (size_class != arena::classes && size != 0 && !logging()) [[likely]]
        if (resource* res = core::attach_quickly(head, &memory_ops, size_class, size, size, [](void*) {}))
            [[likely]]
            return res->payload();
    return attach_filled(head, size, [](void*) {});
}

namespace {

[[gnu::noinline]] bool free_memory_slowly(devres_head* head, const void* p, const char* function) noexcept
{
    block* garbage = nullptr;
    resource* large = nullptr;
    std::size_t size = 0;
    const looked_up found =
        with_pointer(head, p, &memory_ops, function, [&](resource* res) DEVRES_NO_THREAD_SAFETY_ANALYSIS {
            size = size_of(res);
            core::unlink_locked(head, res, life::detached);
            if (state_word::of(res).memory() == place::large) {
                large = res;
            } else {
                arena::retire(res);
                garbage = core::memory(head)->give_locked(res);
            }
        });
    if (found.wrong) {
        report(function, head, p, found);
        return false;
    }
    if (large)
        free_large(large);
    arena::free_blocks(core::upstream(head), garbage);
    if (logging()) [[unlikely]]
        log_event("REM", head, {"memory", "memory", nullptr, size});
    return true;
}

} // namespace

bool free_memory(devres_head* head, const void* p, const char* function) noexcept
{
    if (is_no_memory(p))
        return true;
    arena::expect(p);
    if (!logging() && core::free_quickly(head, p, &memory_ops)) [[likely]]
        return true;
    return free_memory_slowly(head, p, function);
}

namespace {

// Puts a reference at the end of the scope; null is fine.
class arena_reference {
public:
    arena_reference() noexcept = default;
    void take(arena* got) noexcept { arena_ = got; }
    ~arena_reference()
    {
        if (arena_)
            arena_->put();
    }
    arena_reference(const arena_reference&) = delete;
    arena_reference& operator=(const arena_reference&) = delete;

private:
    arena* arena_ = nullptr;
};

// Grows or shrinks where it is, if that fits.
bool resize_in_place_locked(resource* res, std::size_t size) noexcept
{
    const state_word state = state_word::of(res);
    if (state.memory() == place::large) {
        // A large block gives back what it shrinks by only by moving.
        if (size > prefix_of(res).capacity || size < prefix_of(res).capacity / 2)
            return false;
        prefix_of(res).size = size;
        return true;
    }
    if (size > arena::payload_capacity(state.size_class()))
        return false;
    arena::resize(res, size);
    return true;
}

// What has grown out of its block, to a size that needs one of its own, is likely to go on: a quarter more
// for that. Not where a tool watches the end of the block.
std::size_t room_to_grow(std::size_t old_size, std::size_t size) noexcept
{
    std::size_t roomy = 0;
    if (checked_memory || size <= old_size || arena::class_for(size) != arena::classes ||
        __builtin_add_overflow(size, size / 4, &roomy))
        return size;
    return roomy;
}

} // namespace

void* resize_memory(devres_head* head, void* p, std::size_t size, gfp_t gfp) noexcept
{
    if (is_no_memory(p))
        return attach_memory(head, size, gfp);
    if (size == 0)
        return free_memory(head, p, "krealloc") ? ZERO_SIZE_PTR : nullptr;
    // In place, or else the old size.
    std::size_t old_size = 0;
    bool done = false;
    looked_up found =
        with_pointer(head, p, &memory_ops, "krealloc", [&](resource* res) DEVRES_NO_THREAD_SAFETY_ANALYSIS {
            old_size = size_of(res);
            done = resize_in_place_locked(res, size);
        });
    if (!found.res) {
        report("krealloc", head, p, found);
        return nullptr;
    }
    auto zero_the_rest = [&](void* memory) {
        if ((gfp & __GFP_ZERO) && size > old_size)
            std::memset(static_cast<char*>(memory) + old_size, 0, size - old_size);
        return memory;
    };
    if (done)
        return zero_the_rest(p);

    // A new block takes the old one's place in the order. Until the contents are copied it counts as being
    // constructed, so that nobody frees it; the old one is claimed meanwhile.
    arena_reference kept;
    construction moved(construction::unlisted{}, head, &memory_ops, size, room_to_grow(old_size, size));
    if (!moved)
        return nullptr;
    if (resource* res = resource::of(moved.memory()); state_word::of(res).memory() == place::large)
        prefix_of(res).size = size;
    kept.take(moved.arena_);
    pass old_block(head);
    found =
        with_pointer(head, p, &memory_ops, "krealloc", [&](resource* res) DEVRES_NO_THREAD_SAFETY_ANALYSIS {
            core::link_behind_locked(head, resource::of(moved.memory()), res);
            moved.listed_ = true;
            claim_locked(old_block, res);
        });
    if (!found.res) { // freed meanwhile: the caller's error
        report("krealloc", head, p, found);
        return nullptr;
    }
    std::memcpy(moved.memory(), p, std::min(size, old_size));
    zero_the_rest(moved.memory());
    old_block.discard();
    old_block.end();
    if (logging()) [[unlikely]]
        log_event("REM", head, {"memory", "memory", nullptr, old_size});
    return moved.commit();
}

void* duplicate_memory(devres_head* head, const void* src, std::size_t size, gfp_t) noexcept
{
    return attach_filled(head, size, [src, size](void* memory) { std::memcpy(memory, src, size); });
}

char* duplicate_string(devres_head* head, const char* s, std::size_t max, gfp_t) noexcept
{
    if (!s)
        return nullptr;
    const std::size_t length = max == static_cast<std::size_t>(-1) ? std::strlen(s) : ::strnlen(s, max);
    return static_cast<char*>(attach_filled(head, length + 1, [s, length](void* memory) {
        std::memcpy(memory, s, length);
        static_cast<char*>(memory)[length] = '\0';
    }));
}

char* format_string(devres_head* head, gfp_t gfp, const char* format, std::va_list args) noexcept
{
    char text[256]; // most are short, and are then formatted once and without the lock
    std::va_list again;
    va_copy(again, args);
    const int n = std::vsnprintf(text, sizeof(text), format, args);
    char* s = nullptr;
    if (n >= 0 && static_cast<std::size_t>(n) < sizeof(text)) {
        s = duplicate_string(head, text, static_cast<std::size_t>(n), gfp);
    } else if (n >= 0) {
        const std::size_t bytes = static_cast<std::size_t>(n) + 1;
        if (auto* longer = static_cast<char*>(std::malloc(bytes))) {
            std::vsnprintf(longer, bytes, format, again);
            s = duplicate_string(head, longer, static_cast<std::size_t>(n), gfp);
            std::free(longer);
        }
    }
    va_end(again);
    return s;
}

// --- Objects -----------------------------------------------------------------------------------------------

// The place is linked before the object is made; until it is committed a release leaves it to this thread.

construction::construction(devres_head* head, const resource_ops* ops, std::size_t size, std::size_t align,
                           bool pinned) noexcept
    : head_(head), pinned_(pinned)
{
    state_word born = state_word::make(life::constructing);
    if (pinned)
        born = born.with_pin();
    res_ = core::attach(head, ops, size, align, born, "new", [&](resource*) {
        arena_ = core::memory(head);
        if (pinned)
            arena_->get(); // the handle's
    });
}

construction::construction(unlisted, devres_head* head, const resource_ops* ops, std::size_t size,
                           std::size_t roomy) noexcept
    : head_(head), res_(nullptr), listed_(false)
{
    for (std::size_t tried : {roomy, size}) {
        if (res_)
            break;
        res_ = core::attach(
            head, ops, tried, alignof(std::max_align_t), state_word::make(life::constructing), "krealloc",
            [&](resource*) {
                arena_ = core::memory(head);
                if (arena_)
                    arena_->get(); // nothing on the list keeps the place alive; put by who asked
            },
            core::listing::later);
    }
}

// In one step: making it runs no code of its own.
resource* attach_bytes(devres_head* head, const callable_ops* ops, const void* bytes, std::size_t size,
                       arena** for_handle) noexcept
{
    state_word born = state_word::make(life::listed);
    if (for_handle)
        born = born.with_pin();
    resource* res = core::attach(
        head, ops, size, alignof(std::max_align_t), born, "add_action",
        [&](resource*) {
            if (for_handle) {
                *for_handle = core::memory(head);
                (*for_handle)->get();
            }
        },
        core::listing::now, [bytes, size](void* payload) { std::memcpy(payload, bytes, size); });
    if (res && logging()) [[unlikely]]
        log_event("ADD", head, {"callable", ops->name, nullptr, size});
    return res;
}

void* construction::commit() noexcept
{
    resource* res = std::exchange(res_, nullptr);
    const bool log = logging();
    const description what =
        log ? describe(res) : description{}; // another thread may free it from the next line on
    if (leave_construction(res, life::listed)) {
        done_ = res;
        if (log) [[unlikely]]
            log_event("ADD", head_, what);
        return res->payload();
    }
    // Abandoned: the owner was released meanwhile (and said so).
    if (res->ops->release)
        res->ops->release(head_, res);
    give_up(res);
    return nullptr;
}

void construction::cancel() noexcept
{
    resource* res = std::exchange(res_, nullptr);
    block* garbage = nullptr;
    bool on_list = false;
    {
        const core::guard held(head_, "new");
        const state_word s = state_word::of(res);
        on_list = (!listed_ || core::is_current_locked(head_, s)) && leave_construction(res, life::detached);
        if (on_list) {
            if (listed_)
                core::unlink_only_locked(head_, res);
            if (s.memory() == place::slot && arena_ == core::memory(head_)) {
                arena::retire(res);
                garbage = arena_->give_locked(res);
            }
        }
    }
    if (on_list) {
        arena::free_blocks(core::upstream(head_), garbage);
        if (state_word::of(res).memory() == place::large)
            free_large(res);
        if (pinned_)
            arena_->put();
        return;
    }
    // A pass has it: if that has not come to it yet, it is to free the memory and nothing else.
    __atomic_store_n(&res->ops, &cancelled_ops, __ATOMIC_RELAXED); // that pass may be describing it
    if (!leave_construction(res, life::listed))
        give_up(res);
    else if (pinned_)
        handle_drop(arena_, res); // there will be no handle
}

// The memory of a place that was abandoned belongs to this thread now.
void construction::give_up(resource* res) noexcept
{
    if (state_word::of(res).memory() == place::large)
        free_large(res);
    else
        arena_->put();
    if (pinned_)
        arena_->put();
}

namespace {

[[gnu::noinline]] bool claim_object_slowly(pass& one, const void* p, const resource_ops* ops) noexcept
{
    const looked_up found =
        with_pointer(one.head, p, ops, "delete",
                     [&](resource* res) DEVRES_NO_THREAD_SAFETY_ANALYSIS { claim_locked(one, res); });
    if (!found.res)
        report("delete", one.head, p, found);
    return found.res != nullptr;
}

} // namespace

int destroy_object(devres_head* head, const void* p, const resource_ops* ops) noexcept
{
    arena::expect(p);
    pass one(head);
    const auto take = [p, ops](devres_head* h) DEVRES_NO_THREAD_SAFETY_ANALYSIS {
        resource* res = core::listed_slot_at_locked(h, p, ops);
        if (res) [[likely]]
            core::unchain_locked(h, res);
        return res;
    };
    if (!claim_quickly(one, take) && !claim_object_slowly(one, p, ops))
        return -ENOENT;
    one.finish_one();
    return 0;
}

// --- Handles -----------------------------------------------------------------------------------------------

namespace {

// Before the arena's lock is taken, behind which a thread may be waiting for the head that this one has
// locked (C2).
void reject_callback(const arena* memory) noexcept
{
    if (core::callback_guard::any([memory](devres_head* head) { return core::memory(head) == memory; }))
        bug("devres_action", no_owner, nullptr, "used in a match or for_each callback of the same head");
}

// What a handle does that has found its callable still on a head.
enum class consume_by { cancel, run };

// Takes the callable of a handle off its head: freed if nobody's code has to run for that, else claimed by
// `one`.
// Returns: false if it is not there any more.
bool take_by_handle(arena* memory, resource* res, consume_by how, pass& one) noexcept
{
    devres_head* head = one.head;
    const core::guard held(head, "devres_action");
    if (!core::is_listed_locked(head, res) || core::memory(head) != memory)
        return false;
    state_word::of(res).without_pin().store(res); // nobody else looks at what is listed without the lock
    const auto* ops = static_cast<const callable_ops*>(res->ops); // SAFETY: only callables have handles
    const bool quick = !ops->drop && state_word::of(res).memory() == place::slot && memory->has_many_locked();
    if (how == consume_by::cancel && quick && !logging()) {
        core::unlink_locked(head, res, life::detached);
        arena::retire(res);
        memory->give_one_of_many_locked(res);
    } else {
        claim_locked(one, res);
    }
    return true;
}

int consume(arena* memory, resource* res, consume_by how) noexcept
{
    reject_callback(memory);
    bool taken = false;
    pass one(nullptr);
    memory->with_head([&](devres_head* head) {
        one.head = head;
        taken = take_by_handle(memory, res, how, one);
    });
    if (!taken) {
        handle_drop(memory, res);
        return -ENOENT;
    }
    memory->put(); // the handle's: from here on the claim keeps the head, and the head its memory
    if (one.pending) {
        if (how == consume_by::run) {
            one.finish_one();
        } else {
            one.drop();
            one.end();
        }
    }
    return 0;
}

} // namespace

int handle_cancel(arena* memory, resource* res) noexcept
{
    return consume(memory, res, consume_by::cancel);
}

int handle_run(arena* memory, resource* res) noexcept
{
    return consume(memory, res, consume_by::run);
}

void handle_drop(arena* memory, resource* res) noexcept
{
    const state_word before(res->state.fetch_and(~state_word::pinned_bit, std::memory_order_acq_rel));
    if (before.where() == life::free) {
        // Released before: this handle was what kept the memory.
        if (before.memory() == place::large) {
            free_large(res);
        } else {
            reject_callback(memory);
            pass last_rites(nullptr);
            memory->with_head([&](devres_head* head) {
                const core::guard held(head, "devres_action");
                if (core::memory(head) != memory)
                    return; // that has ended: its slots go with it
                last_rites.head = head;
                last_rites.begin_with_freed_locked(res);
            });
            last_rites.end();
        }
    }
    memory->put();
}

} // namespace devres::detail
