// SPDX-License-Identifier: MIT
//
// What clients make and share: buffers, framebuffers, blobs. Memory and place in the release order are the
// drm_device's (drmm_new); each goes when its last user drops it, or with the drm_device.
//
// Thread safety: none. References are made and dropped under gpu::lock.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <devres/drm_managed.h>

#include "buffer_memory.h"
#include "lifetime.h"

namespace vgpu {

struct gpu;

// Base of what is counted.
struct counted {
    explicit counted(gpu& g) : owner(g) {}
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;

    gpu& owner;
    int users = 0;
};

template <class T>
void end_counted(T* object); // drmm_delete, where a gpu is known

template <class T>
class ref {
public:
    ref() = default;
    explicit ref(T* object) : object_(object)
    {
        if (object_)
            ++object_->users;
    }
    ref(const ref& other) : ref(other.object_) {}
    ref(ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    ref& operator=(ref other) noexcept
    {
        std::swap(object_, other.object_);
        return *this;
    }
    ~ref()
    {
        if (object_ && --object_->users == 0)
            end_counted(object_);
    }
    T* get() const { return object_; }
    T* operator->() const { return object_; }
    T& operator*() const { return *object_; }
    explicit operator bool() const { return object_ != nullptr; }
    friend bool operator==(const ref&, const ref&) = default;

private:
    T* object_ = nullptr;
};

// A dumb buffer, in memory that a client maps and keeps when the device goes.
struct buffer : counted {
    explicit buffer(gpu& g) : counted(g) {}
    ~buffer();
    // In `many`, or, if that is null, in a memfd of its own. Returns: 0 or -errno.
    int allocate(std::uint64_t bytes, std::shared_ptr<buffer_memory> many);

    std::shared_ptr<buffer_memory> memory;
    std::uint64_t begin = 0;  // in `memory`
    std::uint64_t size = 0;   // whole pages
    std::uint64_t offset = 0; // where mmap finds it
    const std::uint8_t* pixels = nullptr;
};

struct framebuffer : counted {
    framebuffer(gpu& g, std::uint32_t name) : counted(g), id(name) {}
    ~framebuffer();

    const std::uint32_t id; // 0: no client can name it, as of a cursor
    std::uint32_t width = 0, height = 0, pitch = 0, offset = 0, format = 0;
    bool has_modifier = false;
    ref<buffer> memory;
};

struct blob : counted {
    blob(gpu& g, std::uint32_t name, std::vector<std::uint8_t> content);
    ~blob();

    const std::uint32_t id;
    const std::vector<std::uint8_t> bytes;
};

template <>
void end_counted(buffer* object);
template <>
void end_counted(framebuffer* object);
template <>
void end_counted(blob* object);

} // namespace vgpu
