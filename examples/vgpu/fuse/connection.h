// SPDX-License-Identifier: MIT
//
// A mounted FUSE file system, as the kernel speaks to whoever serves it.
//
// Thread safety: any thread; one at a time receives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "../server/fd.h"
#include "protocol.h"

namespace vgpu {

struct request {
    // An ioctl's structure is the most that comes; the kernel wants room for 8 KiB in any case.
    alignas(8) std::uint8_t bytes[32 * 1024];
    std::size_t size = 0;

    const fuse_in_header& head() const;
    // The operation's own structure. Zeros if the kernel sent less.
    template <class T>
    T body() const
    {
        T value{};
        copy_body(&value, 0, sizeof value);
        return value;
    }
    // So many bytes of what comes after the header, from `offset` on, as far as they are there.
    void copy_body(void* to, std::size_t offset, std::size_t length) const;
    // The name in a LOOKUP.
    std::string name() const;
};

class connection {
public:
    ~connection();

    // Mounts at `path`, and agrees on passthrough. Returns: null, or what there is not, for people.
    const char* mount_at(const char* path);
    // Readable when there is a request.
    int fd() const { return device_.get(); }
    // False: nothing came after all, or the file system is gone.
    bool receive(request* r);

    // Each false: whoever asked has gone.
    bool reply(std::uint64_t unique, const void* data, std::size_t size);
    template <class T>
    bool reply(std::uint64_t unique, const T& data)
    {
        return reply(unique, &data, sizeof data);
    }
    bool reply_error(std::uint64_t unique, int error); // 0 or -errno
    // Wakes whoever polls the file with this handle.
    void notify_poll(std::uint64_t handle);

    // A file that mmap leads to when an open names it. Returns: its number, or -errno.
    int open_backing(int file);
    void close_backing(int number);

private:
    bool send(std::uint64_t unique, int error, const void* data, std::size_t size);
    const char* agree();

    unique_fd device_;
    std::string mounted_at_;
};

} // namespace vgpu
