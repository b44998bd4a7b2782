/* SPDX-License-Identifier: MIT
 *
 * What the parts of the shim share. Nothing here knows DRM. */
#ifndef VGPU_SHIM_H
#define VGPU_SHIM_H

#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include "../wire.h"

/* The system's own function, behind the one that the shim puts in front of it. */
void* shim_next(const char* name);
#define SHIM_NEXT(function)                                                                                  \
    ({                                                                                                       \
        static __typeof__(&function) next_##function;                                                        \
        if (!next_##function)                                                                                \
            next_##function = (__typeof__(&function))shim_next(#function);                                   \
        next_##function;                                                                                     \
    })

/* --- paths.c ------------------------------------------------------------------------------------------- */

#define SHIM_PATH_MAX 512

/* Where `path` leads: a path inside the daemon's folder, written to `room`, or `path` itself. */
const char* shim_path(const char* path, char room[SHIM_PATH_MAX]);
/* The minor number in a path of a card in the daemon's folder; -1: it is none. */
int shim_minor(const char* path);
/* $VGPU_DIR, or null: then the shim does nothing. */
const char* shim_folder(void);

/* --- channel.c ----------------------------------------------------------------------------------------- */

/* Is `fd` a card that was opened through the shim? Also if it was inherited or duplicated. `*minor` is
 * which. */
int shim_is_card(int fd, int* minor);
/* Opens the card at `path`, which is in the daemon's folder. Returns a descriptor, or -1 with errno. */
int shim_open(const char* path, int flags);
/* Each returns what the system call would, and sets errno. */
int shim_ioctl(int fd, unsigned long command, void* argument);
void* shim_mmap(void* address, size_t length, int protection, int flags, int fd, off_t offset);
ssize_t shim_read(int fd, void* to, size_t size);
int shim_close(int fd);

#endif
