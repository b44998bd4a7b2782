// SPDX-License-Identifier: MIT
//
// Register, unregister and unplug (M5), and who sleeps until one of them has done something.
//
// The section of a drm_device is its gate. Unplug, and an unbind that owns the registration, close it for
// good. A register whose `load` failed shuts it until everybody inside has left, then opens it again.

#include <cerrno>
#include <climits>
#include <utility>

#include <devres/detail/probe.h>
#include <devres/detail/report.h>
#include <devres/drm_device.h>
#include <devres/env/thread.h>

namespace devres {
namespace detail {

namespace {

// Keeps a drm_device while hooks of its driver run, which may drop the caller's reference.
class kept_alive {
public:
    explicit kept_alive(drm_device* drm) noexcept : drm_(drm_dev_get(drm)) {}
    ~kept_alive() { drm_dev_put(drm_); }
    kept_alive(const kept_alive&) = delete;
    kept_alive& operator=(const kept_alive&) = delete;

private:
    drm_device* drm_;
};

} // namespace

// --- Sleeping ---------------------------------------------------------------------------------------------

void drm_core::sleep(drm_device* drm, std::uint32_t seen) noexcept
{
    park::sleep_until(parking_lot, drm->events_, seen, [drm, seen] { return events(drm) != seen; });
}

void drm_core::sleep(drm_device* drm, std::uint32_t seen, wait_clock& clock, const char* function) noexcept
{
    if (park_while(drm->events_, seen, clock))
        warn(function, &drm->devres,
             "has waited %.1f s for another thread, which is in an unplug or in a hook of the driver",
             clock.seconds());
}

event_waiter*& drm_core::waiters_locked(drm_device* drm) noexcept
{
    if (drm->waiters_generation_ != fork_generation()) {
        drm->waiters_generation_ = fork_generation();
        drm->waiters_ = nullptr; // they lie on stacks that are gone
    }
    return drm->waiters_;
}

event_waiter::event_waiter(drm_device* drm) noexcept : drm_(drm)
{
    const scoped_lock held(drm_->files_lock_);
    began_in_ = drm_->registrations_;
    link_ = &drm_core::waiters_locked(drm_);
    next_ = std::exchange(*link_, this);
    if (event_waiter* next = next_) {
        is_of(drm_, next);
        next->link_ = &next_;
    }
}

event_waiter::~event_waiter()
{
    if (generation_ != fork_generation())
        return; // its condition has forked, and this is the child, where it is on no list
    const scoped_lock held(drm_->files_lock_);
    *link_ = next_;
    if (event_waiter* next = next_) {
        is_of(drm_, next);
        next->link_ = link_;
    }
}

bool event_waiter::must_stop() noexcept
{
    if (drm_->gate_.is_closed())
        return true;
    {
        const scoped_lock held(drm_->files_lock_);
        if (told_to_stop_)
            return true;
    }
    // Shut: the register that failed waits for whoever is inside. Who has waited since before that register
    // is served again when the section has been opened.
    return !drm_->gate_.is_open() && inside_at(reader_set(drm_->gate_)).file;
}

// Those who have begun to wait during the last register are the newest.
void drm_core::stop_waiters_locked(drm_device* drm) noexcept
{
    for (event_waiter* one = waiters_locked(drm); one; one = one->next_) {
        event_waiter::is_of(drm, one);
        if (one->began_in_ != drm->registrations_)
            return;
        one->told_to_stop_ = true;
    }
}

bool drm_core::is_asking(const drm_device* drm) noexcept
{
    return drm->asker_.load(std::memory_order_relaxed) == this_thread();
}

bool drm_core::warn_if_asking(drm_device* drm) noexcept
{
    if (!is_asking(drm))
        return false;
    warn("drm_wait_event", &drm->devres, "called from inside a condition of the same drm_device");
    return true;
}

void drm_core::begin_asking(drm_device* drm) noexcept
{
    drm->asker_.store(this_thread(), std::memory_order_relaxed);
}

// --- Unplug -----------------------------------------------------------------------------------------------

int drm_core::unplug(drm_device* drm, const char* function, source_place where) noexcept
{
    using state = drm_device::unplug_state;
    const reader_set inside(drm->gate_);
    // Once unbind has waited there is nobody to wait for; but a hook may have left this thread inside, whom
    // unbind has reported.
    const bool waits = !drm->drained_.load(std::memory_order_acquire);
    if (waits && warn_if_inside(function, &drm->devres, inside, where))
        return -EDEADLK;
    const kept_alive keep(drm);
    bool first = false;
    bool own_hook = false; // or the first call's WARN handler, before all have left
    {
        const scoped_lock held(drm->files_lock_);
        first = drm->unplug_ == state::no;
        if (first) {
            drm->unplug_ = state::running;
            drm->unplugger_ = this_thread();
            drm->gate_.close();
        }
        own_hook = !first && drm->unplugger_ == this_thread();
    }
    // The first call may be waiting for this thread: if this is its own hook, or if an `unmap` hook revokes
    // what this thread is inside of. So only the readers are waited for. A release callback waits for the
    // hooks as well, since what they use goes after it, unless the first call waits for this thread as a
    // reader.
    if (!first &&
        (own_hook || (release_scope::active() ? inside_at(inside).file != nullptr : is_inside_anything()))) {
        if (waits)
            wait_for_readers(inside, function, &drm->devres);
        return 0;
    }
    if (!first) {
        wait_until(drm, function, [drm] {
            const scoped_lock held(drm->files_lock_);
            return drm->unplug_ == state::done;
        });
        return 0;
    }
    DEVRES_PROBE_OWNER(unplug, &drm->devres);
    drm_wake_up(drm); // who sleeps in drm_wait_event inside the section must leave it
    if (!drm->drained_.load(std::memory_order_acquire))
        wait_for_readers(inside, function, &drm->devres);
    drm_dev_unregister(drm);
    unmap_files(drm);
    {
        const scoped_lock held(drm->files_lock_);
        drm->unplug_ = state::done;
        drm->unplugger_ = nullptr;
    }
    drm_wake_up(drm);
    return 0;
}

} // namespace detail

using detail::drm_core;
using detail::scoped_lock;

// --- Register ---------------------------------------------------------------------------------------------

int drm_dev_register(drm_device* drm, unsigned long flags) noexcept
{
    const detail::reader_set inside(drm->gate_);
    {
        const scoped_lock held(drm->files_lock_);
        if (drm->unplug_ != drm_device::unplug_state::no || drm->gate_.is_closed() ||
            drm->references_.is_over())
            return -ENODEV;
        if (drm->visible_ || drm->registering_)
            return -EBUSY;
        drm->visible_ = drm->registering_ = true;
        ++drm->registrations_;
    }
    const detail::kept_alive keep(drm);
    const int err = drm->driver->load ? drm->driver->load(drm, flags) : 0;
    if (err) {
        {
            const scoped_lock held(drm->files_lock_);
            drm->visible_ = false;
            drm->gate_.shut();
            drm_core::kill_files_locked(drm);
            drm_core::stop_waiters_locked(drm);
        }
        drm_wake_up(drm); // who sleeps in drm_wait_event inside the section must leave it
        if (detail::inside_at(inside).file)
            detail::warn(
                "drm_dev_register", &drm->devres,
                "failed, and is called from inside the section, or the driver's load has not left it; "
                "who is inside is not waited for");
        else
            detail::wait_for_readers(inside, "drm_dev_register", &drm->devres);
    }
    {
        const scoped_lock held(drm->files_lock_);
        drm->registering_ = false;
        drm->gate_.open_again(); // if it was shut; an unplug or unbind meanwhile has closed it
        if (err)                 // also those who have begun to wait since it was shut
            drm_core::stop_waiters_locked(drm);
    }
    if (err)
        drm_wake_up(drm); // guarded ioctls of older files wait for the section to open again
    return err;
}

void drm_dev_unregister(drm_device* drm) noexcept
{
    const scoped_lock held(drm->files_lock_);
    drm->visible_ = false;
}

int drm_dev_unplug(drm_device* drm, const char* file, int line) noexcept
{
    return drm_core::unplug(drm, "drm_dev_unplug", {file, line});
}

bool drm_dev_is_unplugged(const drm_device* drm) noexcept
{
    return drm->gate_.is_closed();
}

void drm_wake_up(drm_device* drm) noexcept
{
    drm->events_.fetch_add(1, std::memory_order_seq_cst);
    detail::park::wake(detail::parking_lot, drm->events_, INT_MAX);
}

} // namespace devres
