// SPDX-License-Identifier: MIT
//
// The node that clients open: a listening socket and the files about it, in the folder that they see as /dev
// and /sys.
#pragma once

#include <string>

#include <devres/drm_device.h>

#include "../driver/lifetime.h"

namespace vgpu {

// Who listens: the daemon.
class card_server {
public:
    virtual const std::string& folder() const = 0;
    // From now on a connection to `socket` opens `drm`. Returns: 0 or -errno.
    virtual int listen(int socket, devres::drm_device* drm) = 0;
    // Returns when nobody is opening it any more; connections that were not accepted are refused. Closes the
    // socket.
    virtual void unlisten(int socket) = 0;

protected:
    ~card_server() = default;
};

class device_node {
public:
    device_node(card_server& server, int card, devres::drm_device* drm);
    ~device_node();
    device_node(const device_node&) = delete;
    device_node& operator=(const device_node&) = delete;

    // Returns: 0 or -errno.
    int appear();

private:
    card_server& server_;
    const int card_;
    devres::drm_device* const drm_; // outlives the node, which the same device owns
    int socket_ = -1;
    lifetime lived_;
};

} // namespace vgpu
