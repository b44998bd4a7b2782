// SPDX-License-Identifier: MIT
//
// A /dev of our own, for this thread and what it starts: a mount namespace, so that what is mounted in it is
// seen by no other process of the system, and ends with its last process, however that ends.
#pragma once

namespace vgpu {

// Makes it, with a folder /dev/dri to mount at. A second call does nothing. Returns: null, or what there is
// not, for people.
const char* make_private_dev();

} // namespace vgpu
