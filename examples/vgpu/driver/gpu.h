// SPDX-License-Identifier: MIT
//
// What clients hold open, and one open file of it. Both outlive the hardware.
//
// Thread safety: everything that is not constant is guarded by `lock`, which is never held while a client's
// memory is read or written, nor across a call of the library that waits.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <vector>

#include <sys/types.h>

#include <devres/devres_ptr.h>
#include <devres/drm_device.h>

#include "lifetime.h"
#include "objects.h"
#include "properties.h"

namespace vgpu {

class scanout;

// What has a name that clients say. Managed memory of the drm_device.
struct mode_config {
    explicit mode_config(int card) : lived(owned_by::drm_device, "mode objects", card) {}

    std::map<std::uint32_t, framebuffer*> framebuffers;
    std::map<std::uint32_t, blob*> blobs;
    std::uint32_t next_id = first_free_id;
    std::uint64_t next_offset = 1ull << 32; // in the space that mmap finds buffers in
    std::uint64_t buffer_bytes = 0;
    blob* edid = nullptr;
    blob* format_list = nullptr;
    std::uint16_t gamma[3][256] = {};
    bool unique_is_set = false;
    lifetime lived;
};

// Where the events of an open file go.
class event_sink {
public:
    // False: it takes no more now, and the next vblank tries again. Called under gpu::lock.
    virtual bool take_event(const std::vector<std::uint8_t>& event) = 0;

protected:
    ~event_sink() = default;
};

// One open file, made by open and freed by postclose.
struct client_file {
    std::map<std::uint32_t, ref<buffer>> handles;
    std::map<std::uint32_t, ref<framebuffer>> framebuffers;
    std::map<std::uint32_t, ref<blob>> blobs;
    std::uint32_t next_handle = 1;

    pid_t process = 0;
    uid_t user = 0;
    std::uint32_t magic = 0;
    bool authenticated = false;
    bool was_master = false;
    bool universal_planes = false;
    bool atomic = false;
    bool closing = false; // the client has closed it while one of its threads is in a call

    // Events that have happened, until they are taken.
    event_sink* events_to = nullptr;
    std::deque<std::vector<std::uint8_t>> events;

    std::shared_ptr<buffer_memory> memory; // of all its buffers; null: each buffer has its own
};

// An event that a file waits for. It refers to the file, and so lives where files do: a file may be closed
// while the hardware goes, when the engine can be reached no more and its thread has yet to send the last
// events.
struct pending_event {
    client_file* file;
    std::uint64_t due;  // the vblank
    std::uint32_t type; // DRM_EVENT_*
    std::uint64_t user_data;
};

struct gpu : devres::drm_device {
    gpu(int card_number, std::pmr::memory_resource* memory);

    const int card;
    std::mutex lock;
    std::condition_variable flipped;     // the flip that was pending has happened
    mode_config* modes = nullptr;        // drmm
    int leaving = -1;                    // drmm: readable once nobody may wait for a client any more
    devres::devres_ptr<scanout> display; // the hardware: there or not

    std::vector<client_file*> files;
    std::vector<pending_event> pending;
    client_file* master = nullptr;
    std::uint32_t next_magic = 1;

    lifetime lived;
};

// --- Under the lock ---------------------------------------------------------------------------------------

// Null: there is none of that name.
framebuffer* find_framebuffer(gpu& g, std::uint32_t id);
blob* find_blob(gpu& g, std::uint32_t id);
buffer* find_handle(client_file& f, std::uint32_t handle);

// Each empty: no memory.
ref<buffer> make_buffer(gpu& g, const client_file& f, std::uint64_t size, int* err);
ref<framebuffer> make_framebuffer(gpu& g, bool named);
ref<blob> make_blob(gpu& g, std::vector<std::uint8_t> bytes);
std::uint32_t make_handle(client_file& f, ref<buffer> memory);

// Sends what has happened, as far as it is taken.
void send_events(client_file& f);

// --- Hooks of the driver, and what the daemon asks for ----------------------------------------------------

int gpu_open(devres::drm_device* drm, devres::drm_file* file);
void gpu_postclose(devres::drm_device* drm, devres::drm_file* file);

// Who has opened it, where its events go, and where its buffers are; said once, before the first call.
void set_client(devres::drm_file* file, pid_t process, uid_t user, event_sink& events,
                std::shared_ptr<buffer_memory> memory = nullptr);
// The client has closed its last descriptor: calls of this file must not sleep any more.
void set_closing(devres::drm_file* file);
// The memory behind [offset, offset + length) as mmap means it, for a file that has a handle of it.
// Returns: a descriptor of the caller's, `*inside` being where it begins; or -errno.
int memory_at(devres::drm_file* file, std::uint64_t offset, std::uint64_t length, std::uint64_t* inside);

} // namespace vgpu
