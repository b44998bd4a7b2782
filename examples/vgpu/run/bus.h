// SPDX-License-Identifier: MIT
//
// What displays are plugged into: the devices, and when they come and go.
#pragma once

#include <memory_resource>
#include <vector>

#include "../driver/driver.h"
#include "../server/node.h"

namespace vgpu {

class bus {
public:
    explicit bus(card_server& nodes, std::pmr::memory_resource* memory) : server_(nodes), memory_(memory) {}
    ~bus() { pull(); }
    bus(const bus&) = delete;
    bus& operator=(const bus&) = delete;

    // Plugs in so many displays; with a hub between them and us if there are several.
    // Returns: 0, or what the driver's probe said. `failing_step`: see display_device.
    int plug_in(int cards, int failing_step = 0);
    // Pulls the plug: of the hub, if there is one. Nothing plugged in: no-op.
    void pull();

    bool is_plugged_in() const { return !displays_.empty(); }
    image on_screen(int card) const;
    bool is_lit(int card) const;
    // Of the first display, when the plug was pulled.
    const image& last_frame() const { return last_frame_; }

private:
    card_server& server_;
    std::pmr::memory_resource* memory_;
    devres::device* hub_ = nullptr;
    std::vector<display_device*> displays_;
    image last_frame_;
};

} // namespace vgpu
