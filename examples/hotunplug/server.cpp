// SPDX-License-Identifier: MIT
#include "server.h"

#include <utility>

#include "driver.h"
#include "process.h"
#include "protocol.h"

using namespace devres;

namespace hotunplug {

server::server(drm_device* drm, int socket) : drm_(drm_dev_get(drm)), thread_([this, socket] { run(socket); })
{
}

server::~server()
{
    thread_.join();
}

void server::run(int socket)
{
    request asked{};
    while (receive(socket, &asked)) {
        int memory = -1;
        const long result =
            asked.command == open_command ? open(&memory) : drm_ioctl(file_, asked.command, &asked.argument);
        if (!send(socket, reply{result}, memory))
            break;
    }
    if (file_)
        drm_close(file_);
    else
        drm_dev_put(drm_);
}

long server::open(int* memory)
{
    drm_file* opened = nullptr;
    if (const int err = drm_open(drm_, &opened))
        return err;
    if (file_) { // one is enough
        drm_close(opened);
        return 0;
    }
    file_ = opened;
    drm_dev_put(drm_);
    const long fd = drm_ioctl(file_, scope_ioctl_memory, nullptr);
    if (fd < 0)
        return fd;
    *memory = static_cast<int>(fd);
    return 0;
}

} // namespace hotunplug
