// SPDX-License-Identifier: MIT
//
// A string of bytes as a sequence of public operations, carried out beside a model.
//
// Three owners (a session, a device, a drm_device) have lists of every kind of resource and groups; the
// device is bound, unbound and deleted, the drm_device registered, opened, unplugged; containers and sections
// are entered and left. Each release callback, and each hook of the drivers, takes the next bytes for
// operations of its own. What the model says of results, of the order of releases and of the number of WARNs
// must come true, whatever the bytes are.
//
// One thread; what needs two is in tests/stress and tests/revocation.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace devres::fuzz {

using bytes = std::vector<unsigned char>;

// Carries it out. Something else than the model says: prints what, and aborts. `print` writes each operation
// as code to stderr.
void run(std::span<const unsigned char> program, bool print);

// Carries it out in a child process, with a deadline.
// Returns: whether it ended well.
bool survives(std::span<const unsigned char> program, bool print = false);
// All of them in one process.
bool survive(std::span<const bytes> programs, bool print = false);

// Takes away from a program that does not survive whatever it fails without.
bytes shrink(bytes program);

// Shrinks it, and prints what is left as code.
void explain(const bytes& program);

} // namespace devres::fuzz
