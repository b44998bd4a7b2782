// SPDX-License-Identifier: MIT
#include "node.h"

namespace vgpu {

device_node::device_node(card_server& server, int card, devres::drm_device* drm)
    : server_(server), card_(card), drm_(drm), lived_(owned_by::device, "device node", card)
{
}

int device_node::appear()
{
    const int err = server_.add_card(card_, drm_);
    is_there_ = err == 0;
    return err;
}

device_node::~device_node()
{
    if (is_there_)
        server_.remove_card(card_);
}

} // namespace vgpu
