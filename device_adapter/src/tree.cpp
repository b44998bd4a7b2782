// SPDX-License-Identifier: MIT
//
// Parents and children, and how a whole tree of devices goes with one wait (D7).
//
// A device is on its parent's list of children while it is registered. device_unregister_tree enters the bind
// section of each device of the tree, a parent's before its children's, and links the devices through
// next_in_tree_, which belongs to whoever is in the section for that. So it needs no memory.
//
// A section may be waited for while sections of other devices are held, only further down the same tree. So
// two of these calls on one tree, or on a tree and a part of it, wait for each other and not in a circle.

#include <devres/device.h>

#include <cerrno>
#include <utility>

#include <devres/detail/binding.h>
#include <devres/detail/scoped_lock.h>

namespace devres {
namespace detail {

// --- Children ---------------------------------------------------------------------------------------------

// The children's links are guarded by the parent's lock, which no annotation can say.
class device_tree {
public:
    static void link(device* child) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
    {
        device* parent = child->parent_;
        const scoped_lock held(parent->children_lock_);
        if (child->sibling_link_)
            return;
        append(parent, child);
    }

    static void unlink(device* child) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
    {
        device* parent = child->parent_;
        const scoped_lock held(parent->children_lock_);
        if (child->sibling_link_)
            take_out(parent, child);
    }

    // The tree below `top`, and `top`, all in their sections, children before parents.
    // Returns: null, after a WARN and with no section entered, if the calling thread is inside one of them.
    static device* enter(device* top, const char* function, source_place where) noexcept;
    // Leaves the sections, the last entered first.
    static void leave(device* first) noexcept;

    static void unregister(device* first, device* top, const char* function) noexcept;

private:
    static void append(device* parent, device* child) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
    {
        child->next_sibling_ = nullptr;
        child->sibling_link_ = parent->last_child_;
        *parent->last_child_ = child;
        parent->last_child_ = &child->next_sibling_;
    }
    static void take_out(device* parent, device* child) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
    {
        *child->sibling_link_ = child->next_sibling_;
        if (child->next_sibling_)
            child->next_sibling_->sibling_link_ = child->sibling_link_;
        else
            parent->last_child_ = child->sibling_link_;
        child->sibling_link_ = nullptr;
    }

    static bool enter_one(const device* top, device* dev, const char* function, source_place where,
                          device** entered) noexcept;
    // A child, borrowed, whose section this thread is not in yet; null: there is none.
    static device* next_child(const device* top, device* parent) noexcept;
    static bool names(const void* first, identity domain, identity object) noexcept;
};

// Those whose section this thread is in are moved to the end, so that each is looked at once.
device* device_tree::next_child(const device* top, device* parent) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
{
    const scoped_lock held(parent->children_lock_);
    while (device* child = parent->first_child_) {
        if (child->binder_.load(std::memory_order_relaxed) == this_thread() && child->tree_ == top)
            return nullptr;
        take_out(parent, child);
        if (!device_core::borrow_if_live(child))
            continue; // in its last put, which finds that it is off the list
        append(parent, child);
        return child;
    }
    return nullptr;
}

bool device_tree::enter_one(const device* top, device* dev, const char* function, source_place where,
                            device** entered) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
{
    if (!device_core::enter_to_unbind(dev, function, where))
        return false;
    dev->tree_ = top;
    dev->next_in_tree_ = std::exchange(*entered, dev);
    return true;
}

// A device is linked before its children, and taken from the front: so children come before parents. Each
// device of the list is also the next whose children are entered, when it is the turn of its generation; the
// list grows at its front while `generation` walks it from there.
device* device_tree::enter(device* top, const char* function, source_place where) noexcept
{
    device* entered = nullptr;
    if (!enter_one(top, top, function, where, &entered))
        return nullptr;
    for (device *generation = entered, *end = nullptr; generation != end;) {
        for (device* parent = generation; parent != end; parent = parent->next_in_tree_)
            while (device* child = next_child(top, parent)) {
                const bool good = enter_one(top, child, function, where, &entered);
                device_core::give_back(child); // the section has borrowed it, too
                if (!good) {
                    leave(entered);
                    return nullptr;
                }
            }
        end = generation;
        generation = entered;
    }
    return entered;
}

void device_tree::leave(device* first) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
{
    while (first) {
        device* dev = std::exchange(first, first->next_in_tree_);
        device_core::leave_section(dev);
    }
}

// Inside any binding of the tree?
bool device_tree::names(const void* first, identity domain, identity object) noexcept
{
    // SAFETY: see unregister().
    for (const auto* dev = static_cast<const device*>(first); dev; dev = dev->next_in_tree_) {
        const binding* now = device_core::peek_binding(const_cast<device*>(dev));
        if (now && now->readers().names(domain, object))
            return true;
    }
    return false;
}

void device_tree::unregister(device* first, device* top,
                             const char* function) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
{
    for (device* dev = first; dev; dev = dev->next_in_tree_)
        if (dev->driver_.load(std::memory_order_relaxed))
            device_core::call_remove(dev);

    bool anybody = false;
    for (device* dev = first; dev; dev = dev->next_in_tree_)
        if (binding* now = device_core::peek_binding(dev))
            anybody = now->close() || anybody;
    if (anybody) {
        const bool all = wait_for_others(reader_set(&names, first), function, &top->devres);
        for (device* dev = first; dev; dev = dev->next_in_tree_)
            if (binding* now = device_core::peek_binding(dev))
                now->drained(all);
    }

    while (first) {
        device* dev = std::exchange(first, first->next_in_tree_);
        if (dev->driver_.load(std::memory_order_relaxed))
            device_core::release_binding(dev);
        // Its creator's reference is put by whoever unregisters it: another one may have been faster.
        const bool ours = device_core::forget(dev);
        devres_drain(&dev->devres);
        if (ours)
            put_device(dev); // not the last one, since the section has its own
        device_core::leave_section(dev);
    }
}

// The last put makes the count say that it has begun, and then forgets the device. This links the device, and
// then looks at the count: so either that forget() comes later and unlinks it, or the look finds the end.
int device_core::add(device* dev) noexcept
{
    dev->registered_.store(true, std::memory_order_release);
    if (dev->parent_)
        device_tree::link(dev);
    if (dev->references_.is_ending()) {
        forget(dev);
        return -ENODEV;
    }
    return 0;
}

bool device_core::forget(device* dev) noexcept
{
    if (dev->parent_)
        device_tree::unlink(dev);
    return dev->registered_.exchange(false, std::memory_order_acq_rel);
}

} // namespace detail

int device_unregister_tree(device* dev, const char* file, int line) noexcept
{
    constexpr const char* function = "device_unregister_tree";
    if (!dev)
        return -EINVAL;
    device* first = detail::device_tree::enter(dev, function, {file, line});
    if (!first)
        return -EDEADLK;
    detail::device_tree::unregister(first, dev, function);
    return 0;
}

} // namespace devres
