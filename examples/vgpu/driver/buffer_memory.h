// SPDX-License-Identifier: MIT
//
// A memfd that buffers are in. It holds one buffer, so that whoever gets its descriptor maps this buffer and
// nothing else; or it holds all the buffers that an open file makes, one behind the other, for a way in that
// can give a client only one descriptor to map.
//
// Thread safety: none. Used under gpu::lock.
#pragma once

#include <cstdint>

namespace vgpu {

class buffer_memory {
public:
    enum class holds { one, many };

    explicit buffer_memory(holds buffers);
    ~buffer_memory();
    buffer_memory(const buffer_memory&) = delete;
    buffer_memory& operator=(const buffer_memory&) = delete;

    // Makes room for a buffer of whole pages. Returns: 0, `*begin` being where it is; or -errno.
    int add(std::uint64_t size, std::uint64_t* begin);
    // A buffer is destroyed. If there are others its pages are freed, and who has mapped them reads zeros; if
    // not, they stay as long as somebody has the memfd open or mapped.
    void remove(std::uint64_t begin, std::uint64_t size);
    // The file whose buffers are here is closed: they are freed all together, when nobody has mapped one.
    void close_file() { buffers_ = holds::one; }

    int fd() const { return fd_; }

private:
    holds buffers_;
    int fd_;
    std::uint64_t end_ = 0;
};

} // namespace vgpu
