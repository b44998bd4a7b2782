// SPDX-License-Identifier: MIT
//
// Open files: what keeps a drm_device alive when its hardware has gone.
//
// A file is on one of two lists of its drm_device: `files_`, until unplug has been through it, then
// `unmapped_files_`. So unplug takes each file once from the front of `files_`, and what it costs is linear
// in the files; constant if the driver has no `unmap`.
//
// `hook_` names the thread that runs the driver's open or unmap with the file, without a lock. Nobody else
// frees the file meanwhile: a drm_close on another thread waits for the hook; one inside the hook is finished
// by whoever called the hook.

#include <cerrno>
#include <new>

#include <devres/detail/report.h>
#include <devres/drm_device.h>
#include <devres/env/thread.h>

namespace devres {
namespace detail {

// --- The lists --------------------------------------------------------------------------------------------

void drm_core::link_locked(drm_file* file, drm_file** list) noexcept
{
    file->link_ = list;
    file->next_ = *list;
    if (drm_file* next = file->next_) {
        is_of(file->drm, next);
        next->link_ = &file->next_;
    }
    *list = file;
}

void drm_core::unlink_locked(drm_file* file) noexcept
{
    *file->link_ = file->next_;
    if (drm_file* next = file->next_) {
        is_of(file->drm, next);
        next->link_ = file->link_;
    }
}

// Those opened during the register under way are the newest.
void drm_core::kill_files_locked(drm_device* drm) noexcept
{
    for (drm_file* file = drm->files_; file;) {
        is_of(drm, file);
        if (file->opened_in_ != drm->registrations_)
            return;
        file->dead_.store(true, std::memory_order_release);
        file = file->next_;
    }
}

// --- Unmapping --------------------------------------------------------------------------------------------

// One file after the other to unmap, or null. One that is still in the driver's open is left to the thread
// that opens it.
drm_file* drm_core::begin_unmap(drm_device* drm) noexcept
{
    const scoped_lock held(drm->files_lock_);
    drm->files_unmapped_ = true;
    if (!drm->driver->unmap)
        return nullptr;
    while (drm_file* file = drm->files_) {
        is_of(drm, file);
        unlink_locked(file);
        link_locked(file, &drm->unmapped_files_);
        if (file->ready_) {
            file->hook_ = this_thread();
            return file;
        }
    }
    return nullptr;
}

drm_file::closing drm_core::end_hook_locked(drm_file* file) noexcept
{
    file->hook_ = nullptr;
    if (file->closing_ == drm_file::closing::asked)
        drm_wake_up(file->drm);
    return file->closing_;
}

// Unplug is waited for by whoever unbinds the parent: so the hook does not wait for what unbind releases.
void drm_core::call_unmap(drm_device* drm, drm_file* file) noexcept
{
    const release_scope does_not_wait;
    drm->driver->unmap(drm, file);
}

void drm_core::unmap_files(drm_device* drm) noexcept
{
    while (drm_file* file = begin_unmap(drm)) {
        call_unmap(drm, file);
        auto closed = drm_file::closing::no;
        {
            const scoped_lock held(file->drm->files_lock_);
            closed = end_hook_locked(file);
        }
        if (closed == drm_file::closing::by_hook)
            finish_close(file);
    }
}

// --- Closing ----------------------------------------------------------------------------------------------

void drm_core::finish_close(drm_file* file) noexcept
{
    drm_device* drm = file->drm;
    bool opened = false; // or its open has failed, while another thread closed it
    {
        const scoped_lock held(file->drm->files_lock_);
        opened = file->ready_;
    }
    if (opened && drm->driver->postclose)
        drm->driver->postclose(drm, file);
    delete file;
    drm_dev_put(drm);
}

// --- Entering ---------------------------------------------------------------------------------------------

drm_dev_guard drm_core::enter(drm_file* file, source_place where) noexcept
{
    drm_device* drm = file->drm;
    for (;;) {
        const std::uint32_t seen = events(drm);
        drm_dev_guard inside(drm, where.file, where.line);
        if (inside || drm->gate_.is_closed() || file->dead_.load(std::memory_order_acquire))
            return inside;
        // Shut, because a register failed, which is nothing to a file from before. Whoever is inside cannot
        // wait for the section to open again, and need not: the register waits for it anyway.
        if (inside_at(reader_set(drm->gate_)).file)
            return {drm, detail::enter(drm->gate_, where)};
        // Nor can a condition of drm_wait_event: who is inside may have to ask its own first.
        if (is_asking(drm))
            return inside;
        sleep(drm, seen);
    }
}

} // namespace detail

using detail::drm_core;
using detail::scoped_lock;

int drm_open(drm_device* drm, drm_file** out) noexcept
{
    using closing = drm_file::closing;
    auto* file = new (std::nothrow) drm_file(drm);
    if (!file)
        return -ENOMEM;
    bool refused = true;
    {
        const scoped_lock held(file->drm->files_lock_);
        if (file->drm->visible_ && drm->gate_.is_open() && !drm->references_.is_over()) {
            refused = false;
            drm_dev_get(drm);
            file->opened_in_ = file->drm->registrations_;
            file->hook_ = detail::this_thread();
            drm_core::link_locked(file, &file->drm->files_);
        }
    }
    if (refused) {
        delete file;
        return -ENODEV;
    }
    const int err = drm->driver->open ? drm->driver->open(drm, file) : 0;
    closing closed = closing::no;
    bool unmap_now = false; // unplug came first and left this one out
    {
        const scoped_lock held(file->drm->files_lock_);
        closed = drm_core::end_hook_locked(file);
        file->ready_ = !err;
        unmap_now = closed == closing::no && !err && file->drm->files_unmapped_ && drm->driver->unmap;
        if (closed == closing::no && (err || unmap_now))
            drm_core::unlink_locked(file);
        if (unmap_now) {
            drm_core::link_locked(file, &file->drm->unmapped_files_);
            file->hook_ = detail::this_thread();
        }
    }
    if (unmap_now) {
        drm_core::call_unmap(drm, file);
        const scoped_lock held(file->drm->files_lock_);
        closed = drm_core::end_hook_locked(file);
    }
    if (closed == closing::asked) // another thread has got hold of it through the hook
        return err ? err : -ENODEV;
    if (err) {
        delete file;
        drm_dev_put(drm);
        return err;
    }
    if (closed == closing::by_hook) {
        drm_core::finish_close(file);
        return -ENODEV;
    }
    *out = file;
    return 0;
}

void drm_close(drm_file* file) noexcept
{
    using closing = drm_file::closing;
    if (!file)
        return;
    bool twice = false;
    bool in_hook = false;
    {
        const scoped_lock held(file->drm->files_lock_);
        twice = file->closing_ != closing::no;
        in_hook = file->hook_ == detail::this_thread();
        if (!twice) {
            drm_core::unlink_locked(file);
            file->closing_ = in_hook ? closing::by_hook : closing::asked;
        }
    }
    if (twice)
        detail::warn("drm_close", &file->drm->devres, "the file is closed already");
    if (twice || in_hook)
        return;
    drm_core::wait_until(file->drm, "drm_close", [file] {
        const scoped_lock held(file->drm->files_lock_);
        return file->hook_ == nullptr;
    });
    drm_core::finish_close(file);
}

long drm_ioctl(drm_file* file, unsigned cmd, void* arg) noexcept
{
    drm_device* drm = file->drm;
    if (drm_dev_is_unplugged(drm) || file->dead_.load(std::memory_order_acquire))
        return -ENODEV;
    const drm_driver* driver = drm->driver;
    if (cmd >= static_cast<unsigned>(driver->num_ioctls))
        return -EINVAL;
    const drm_ioctl_desc& entry = driver->ioctls[cmd];
    if (entry.guarded) {
        const drm_dev_guard inside =
            drm_core::enter(file, {entry.name ? entry.name : "a guarded ioctl", static_cast<int>(cmd)});
        // Asked again inside: a register that failed shut the section and has opened it again.
        if (!inside || file->dead_.load(std::memory_order_acquire))
            return -ENODEV;
        return entry.guarded(inside, arg, file);
    }
    return entry.func ? entry.func(drm, arg, file) : -EINVAL;
}

} // namespace devres
