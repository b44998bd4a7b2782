// SPDX-License-Identifier: MIT
#include "gpu.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <devres/drm_managed.h>

#include "scanout.h"

using namespace devres;

namespace vgpu {
namespace {

constexpr std::uint64_t page = 4096;
constexpr std::uint64_t most_bytes = 4ull
                                     << 30; // of all buffers together; memory is used as far as it is touched

gpu& gpu_of(drm_file* file)
{
    return *static_cast<gpu*>(file->drm); // SAFETY: this driver's drm_devices are gpus
}

client_file& client_of(drm_file* file)
{
    return *static_cast<client_file*>(file->driver_priv); // SAFETY: set by gpu_open
}

} // namespace

gpu::gpu(int card_number, std::pmr::memory_resource* memory)
    : drm_device(memory), card(card_number), lived(owned_by::drm_device, "drm_device", card_number)
{
}

// --- Objects ----------------------------------------------------------------------------------------------

buffer::~buffer()
{
    owner.modes->buffer_bytes -= size;
    if (!pixels)
        return;
    munmap(const_cast<std::uint8_t*>(pixels), size); // SAFETY: mapped by allocate()
    memory->remove(begin, size);
}

int buffer::allocate(std::uint64_t bytes, std::shared_ptr<buffer_memory> many)
{
    const std::uint64_t whole = (bytes + page - 1) / page * page;
    if (owner.modes->buffer_bytes + whole > most_bytes)
        return -ENOMEM;
    owner.modes->buffer_bytes += size = whole;
    memory = many ? many : std::make_shared<buffer_memory>(buffer_memory::holds::one);
    if (const int err = memory->add(size, &begin))
        return err;
    void* mapped = mmap(nullptr, size, PROT_READ, MAP_SHARED, memory->fd(), static_cast<off_t>(begin));
    if (mapped == MAP_FAILED)
        return -errno;
    pixels = static_cast<const std::uint8_t*>(mapped); // SAFETY: bytes
    // A client that maps the memory of all its buffers is not asked which one it means.
    offset = many ? begin : std::exchange(owner.modes->next_offset, owner.modes->next_offset + size);
    return 0;
}

framebuffer::~framebuffer()
{
    owner.modes->framebuffers.erase(id);
}

blob::blob(gpu& g, std::uint32_t name, std::vector<std::uint8_t> content)
    : counted(g), id(name), bytes(std::move(content))
{
    owner.modes->blobs[id] = this;
}

blob::~blob()
{
    owner.modes->blobs.erase(id);
}

template <>
void end_counted(buffer* object)
{
    drmm_delete(&object->owner, object);
}
template <>
void end_counted(framebuffer* object)
{
    drmm_delete(&object->owner, object);
}
template <>
void end_counted(blob* object)
{
    drmm_delete(&object->owner, object);
}

framebuffer* find_framebuffer(gpu& g, std::uint32_t id)
{
    const auto found = g.modes->framebuffers.find(id);
    return found == g.modes->framebuffers.end() ? nullptr : found->second;
}

blob* find_blob(gpu& g, std::uint32_t id)
{
    const auto found = g.modes->blobs.find(id);
    return found == g.modes->blobs.end() ? nullptr : found->second;
}

buffer* find_handle(client_file& f, std::uint32_t handle)
{
    const auto found = f.handles.find(handle);
    return found == f.handles.end() ? nullptr : found->second.get();
}

ref<buffer> make_buffer(gpu& g, const client_file& f, std::uint64_t size, int* err)
{
    ref<buffer> made(drmm_new<buffer>(&g, g));
    *err = made ? made->allocate(size, f.memory) : -ENOMEM;
    return *err ? ref<buffer>() : made;
}

ref<framebuffer> make_framebuffer(gpu& g, bool named)
{
    const std::uint32_t id = named ? g.modes->next_id++ : 0;
    ref<framebuffer> made(drmm_new<framebuffer>(&g, g, id));
    if (made && named)
        g.modes->framebuffers[id] = made.get();
    return made;
}

ref<blob> make_blob(gpu& g, std::vector<std::uint8_t> bytes)
{
    return ref<blob>(drmm_new<blob>(&g, g, g.modes->next_id++, std::move(bytes)));
}

std::uint32_t make_handle(client_file& f, ref<buffer> memory)
{
    const std::uint32_t handle = f.next_handle++;
    f.handles[handle] = std::move(memory);
    return handle;
}

// --- Events -----------------------------------------------------------------------------------------------

void send_events(client_file& f)
{
    while (!f.events.empty() && f.events_to->take_event(f.events.front()))
        f.events.pop_front();
}

// --- Files ------------------------------------------------------------------------------------------------

int gpu_open(drm_device* drm, drm_file* file)
{
    auto* f = new (std::nothrow) client_file;
    if (!f)
        return -ENOMEM;
    file->driver_priv = f;
    gpu& g = *static_cast<gpu*>(drm); // SAFETY: this driver's drm_devices are gpus
    const std::lock_guard held(g.lock);
    g.files.push_back(f);
    if (!g.master) { // as in Linux: whoever comes first
        g.master = f;
        f->authenticated = f->was_master = true;
    }
    return 0;
}

void gpu_postclose(drm_device* drm, drm_file* file)
{
    gpu& g = *static_cast<gpu*>(drm); // SAFETY: this driver's drm_devices are gpus
    client_file& f = client_of(file);
    const auto display = g.display.try_access(); // if it is there
    {
        const std::lock_guard held(g.lock);
        if (display)
            for (const auto& [id, fb] : f.framebuffers)
                display->remove(fb.get());
        std::erase_if(g.pending, [&](const pending_event& e) { return e.file == &f; });
        std::erase(g.files, &f);
        if (g.master == &f)
            g.master = nullptr;
        if (f.memory)
            f.memory->close_file();
        f.framebuffers.clear();
        f.handles.clear();
        f.blobs.clear();
    }
    drm_wake_up(drm); // the screen may have gone dark, and others may wait for a vblank
    delete &f;
}

void set_client(drm_file* file, pid_t process, uid_t user, event_sink& events,
                std::shared_ptr<buffer_memory> memory)
{
    client_file& f = client_of(file);
    const std::lock_guard held(gpu_of(file).lock);
    f.process = process;
    f.user = user;
    f.events_to = &events;
    f.memory = std::move(memory);
}

void set_closing(drm_file* file)
{
    {
        const std::lock_guard held(gpu_of(file).lock);
        client_of(file).closing = true;
    }
    drm_wake_up(file->drm);
}

int memory_at(drm_file* file, std::uint64_t offset, std::uint64_t length, std::uint64_t* inside)
{
    if (drm_dev_is_unplugged(file->drm))
        return -ENODEV;
    const std::lock_guard held(gpu_of(file).lock);
    for (const auto& [handle, memory] : client_of(file).handles) {
        if (offset < memory->offset || offset >= memory->offset + memory->size)
            continue;
        *inside = offset - memory->offset;
        if (length > memory->size - *inside)
            return -EINVAL;
        const int fd = fcntl(memory->memory->fd(), F_DUPFD_CLOEXEC, 0);
        return fd < 0 ? -errno : fd;
    }
    return -EINVAL;
}

} // namespace vgpu
