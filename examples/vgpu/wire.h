/* SPDX-License-Identifier: MIT
 *
 * What the preloaded shim and the daemon say to each other. C and C++.
 *
 * A folder, named by the environment variable VGPU_DIR in the client, holds what the client is to see in
 * place of the system's /dev/dri and /sys: $VGPU_DIR/dev/dri/card0 is a listening socket, and connecting to
 * it is open(2). The connection is the client's file descriptor: events arrive on it as they would from the
 * kernel, one message each.
 *
 * Calls go through a connection to $VGPU_DIR/calls, one for each thread of a client: the shim sends a call,
 * answers the daemon's READs and WRITEs of client memory with DATA, and gets DONE. A file is named by the
 * name that the kernel gave its connection (its own end, autobind); whoever names one has to show its
 * descriptor once (USE).
 */
#ifndef VGPU_WIRE_H
#define VGPU_WIRE_H

#include <stdint.h>

#define VGPU_DIR_VARIABLE "VGPU_DIR"
#define VGPU_CALLS_SOCKET "/calls"
#define VGPU_MAJOR 226
/* Bytes that may follow a message. */
#define VGPU_PAYLOAD_MAX 32768

enum vgpu_word {
    /* From the client. USE: `file`, with its descriptor attached. IOCTL: `file`, `number` is the command,
     * `address` its argument, which follows as far as it is read. MMAP: `file`, `address` is the offset,
     * `length`. CLOSE: `file`; answered when the daemon has noticed whether that was the last descriptor.
     * DATA: `result`, and what READ asked for. */
    VGPU_USE,
    VGPU_IOCTL,
    VGPU_MMAP,
    VGPU_CLOSE,
    VGPU_DATA,
    /* From the daemon. READ: what is at `address`, `length` bytes? WRITE: put there what follows. DONE:
     * `result`; after an ioctl the argument follows as far as it is written; after mmap a descriptor is
     * attached, and `address` is the offset in it. */
    VGPU_READ,
    VGPU_WRITE,
    VGPU_DONE
};

struct vgpu_message {
    uint32_t word;
    uint32_t number;
    /* 0 or more, or -errno; -ESTALE: the daemon does not know `file` on this connection, USE it first. */
    int64_t result;
    uint64_t file;
    uint64_t address;
    uint64_t length;
};

#endif
