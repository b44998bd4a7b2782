// SPDX-License-Identifier: MIT
#include "bus.h"

#include <string>

using namespace devres;

namespace vgpu {

int bus::plug_in(int cards, int failing_step)
{
    if (cards > 1)
        hub_ = device_create("hub0");
    for (int card = 0; card < cards; ++card) {
        const std::string name = "display" + std::to_string(card);
        auto* display = new display_device(name.c_str(), card, server_, hub_, memory_);
        displays_.push_back(display);
        display->failing_step = failing_step;
        if (const int err = device_driver_attach(&vgpu_driver, display)) {
            pull();
            return err;
        }
    }
    return 0;
}

void bus::pull()
{
    if (displays_.empty())
        return;
    get_device(displays_[0]);
    display_device* first = displays_[0];
    device_unregister_tree(hub_ ? hub_ : first); // all of them, with one wait
    last_frame_ = std::move(first->last_frame);
    put_device(first);
    displays_.clear();
    hub_ = nullptr;
}

bool bus::is_lit(int card) const
{
    return vgpu::is_lit(displays_[static_cast<std::size_t>(card)]);
}

image bus::on_screen(int card) const
{
    return snapshot(displays_[static_cast<std::size_t>(card)]);
}

} // namespace vgpu
