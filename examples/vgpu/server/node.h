// SPDX-License-Identifier: MIT
//
// The node that clients open, and who serves it: a way in. There are two, server.h and fuse/fuse_server.h.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <devres/drm_device.h>

#include "../driver/lifetime.h"

namespace vgpu {

class card_server {
public:
    virtual ~card_server() = default;

    // Returns: 0 or -errno; without this nobody is served.
    virtual int start() = 0;
    // Why start() gave that error, for people.
    virtual std::string problem(int err) const { return "error " + std::to_string(-err); }
    // What a client that is started by this thread needs in its environment to come in.
    virtual std::vector<std::string> environment(const std::string& shim) const = 0;

    // From now on clients find the card, and open `drm`. Returns: 0 or -errno.
    virtual int add_card(int card, devres::drm_device* drm) = 0;
    // Clients find it no more. Returns when nobody is opening it. Not added: no-op.
    virtual void remove_card(int card) = 0;

    // How many files are open, with those that a client has closed while one of its calls was under way.
    virtual std::size_t open_files() const = 0;
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
    bool is_there_ = false;
    lifetime lived_;
};

} // namespace vgpu
