// SPDX-License-Identifier: MIT
//
// Open files: what keeps a drm_device alive when its hardware has gone.

#include <devres/drm_device.h>

#include <cerrno>
#include <new>

namespace devres {
namespace detail {

int drm_core::open(drm_device* drm, drm_file** out) noexcept
{
    auto* file = new (std::nothrow) drm_file(drm);
    if (!file)
        return -ENOMEM;
    bool refused = true;
    {
        const scoped_lock held(drm->files_lock_);
        if (drm->visibility_ != drm_device::visibility::hidden && !unplugged(drm)) {
            refused = false;
            get(drm);
            file->next_ = drm->files_;
            if (file->next_)
                file->next_->prev_ = file;
            drm->files_ = file;
        }
    }
    if (refused) {
        delete file;
        return -ENODEV;
    }
    if (const int err = drm->driver->open ? drm->driver->open(drm, file) : 0) {
        unlink(file);
        delete file;
        put(drm);
        return err;
    }
    bool unmap_now = false;
    {
        const scoped_lock held(drm->files_lock_);
        file->ready_ = true;
        if (drm->files_unmapped_ && !file->unmapped_) // unplug came first and left this one out
            file->unmapped_ = unmap_now = true;
    }
    if (unmap_now && drm->driver->unmap)
        drm->driver->unmap(drm, file);
    *out = file;
    return 0;
}

void drm_core::close(drm_file* file) noexcept
{
    drm_device* drm = file->drm;
    unlink(file);
    wait_until_unmapped(file);
    if (drm->driver->postclose)
        drm->driver->postclose(drm, file);
    delete file;
    put(drm);
}

void drm_core::unlink(drm_file* file) noexcept
{
    drm_device* drm = file->drm;
    const scoped_lock held(drm->files_lock_);
    (file->prev_ ? file->prev_->next_ : drm->files_) = file->next_;
    if (file->next_)
        file->next_->prev_ = file->prev_;
}

long drm_core::ioctl(drm_file* file, unsigned cmd, void* arg) noexcept
{
    drm_device* drm = file->drm;
    if (unplugged(drm) || file->dead_.load(std::memory_order_acquire))
        return -ENODEV;
    const drm_driver* driver = drm->driver;
    if (cmd >= static_cast<unsigned>(driver->num_ioctls))
        return -EINVAL;
    const drm_ioctl_desc& entry = driver->ioctls[cmd];
    if (entry.guarded) {
        const drm_dev_guard inside(drm);
        // Asked again inside: a register that failed closed the section and has opened it again.
        if (!inside || file->dead_.load(std::memory_order_acquire))
            return -ENODEV;
        return entry.guarded(inside, arg, file);
    }
    return entry.func ? entry.func(drm, arg, file) : -EINVAL;
}

void drm_core::kill_files(drm_device* drm) noexcept
{
    const scoped_lock held(drm->files_lock_);
    for (drm_file* f = drm->files_; f; f = f->next_)
        f->dead_.store(true, std::memory_order_release);
}

// The hook runs without the lock; a file that is closed meanwhile waits for it (see close).
void drm_core::unmap_files(drm_device* drm) noexcept
{
    for (;;) {
        drm_file* next = nullptr;
        {
            const scoped_lock held(drm->files_lock_);
            drm->files_unmapped_ = true;
            for (drm_file* f = drm->files_; f && !next; f = f->next_)
                if (f->ready_ && !f->unmapped_)
                    next = f;
            drm->unmapping_ = next;
            if (next)
                next->unmapped_ = true;
        }
        wake_up(drm);
        if (!next)
            return;
        if (drm->driver->unmap)
            drm->driver->unmap(drm, next);
    }
}

void drm_core::wait_until_unmapped(drm_file* file) noexcept
{
    drm_device* drm = file->drm;
    auto done = [drm, file] {
        const scoped_lock held(drm->files_lock_);
        return drm->unmapping_ != file;
    };
    if (done())
        return;
    std::unique_lock held(drm->event_lock_);
    drm->event_.wait(held, done);
}

} // namespace detail

using detail::drm_core;

int drm_open(drm_device* drm, drm_file** file) noexcept
{
    return drm_core::open(drm, file);
}

void drm_close(drm_file* file) noexcept
{
    if (file)
        drm_core::close(file);
}

long drm_ioctl(drm_file* file, unsigned cmd, void* arg) noexcept
{
    return drm_core::ioctl(file, cmd, arg);
}

} // namespace devres
