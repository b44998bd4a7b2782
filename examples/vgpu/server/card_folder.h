// SPDX-License-Identifier: MIT
//
// The folder that clients see as /dev and /sys, but for the socket in it.
#pragma once

#include <string>

namespace vgpu {

std::string card_name(int card);
// Writes the files by which libdrm finds out which bus a card is on, and that it is one.
void describe_card(const std::string& folder, int card);
void forget_card(const std::string& folder, int card);

} // namespace vgpu
