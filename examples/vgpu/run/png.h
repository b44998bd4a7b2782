// SPDX-License-Identifier: MIT
//
// Pictures as PNG, with what that needs of deflate: runs of equal bytes. Screens are mostly rows equal to
// the row above.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../driver/scanout.h"

namespace vgpu {

std::vector<std::uint8_t> encode_png(const image& picture);
// False if it could not be written.
bool write_png(const std::string& path, const image& picture);

} // namespace vgpu
