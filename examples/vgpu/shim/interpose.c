/* SPDX-License-Identifier: MIT
 *
 * libc's functions, as a client of the virtual display finds them: paths of cards lead to the daemon's
 * folder, and calls on a card go to the daemon. Everything else goes on to libc.
 *
 * Out of reach: static programs, setuid programs, and system calls that are made without libc. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/types.h>

#include "shim.h"

#define PUBLIC __attribute__((visibility("default")))

/* --- Opening ------------------------------------------------------------------------------------------- */

/* Returns -2 if `path` is not a card. */
static int open_card(const char* path, int flags)
{
    if (path && shim_minor(path) >= 0)
        return shim_open(path, flags);
    return -2;
}

static mode_t mode_of(int flags, va_list args)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

#define DEFINE_OPEN(name)                                                                                    \
    PUBLIC int name(const char* path, int flags, ...)                                                        \
    {                                                                                                        \
        char room[SHIM_PATH_MAX];                                                                            \
        const char* to = shim_path(path, room);                                                              \
        const int card = open_card(to, flags);                                                               \
        if (card != -2)                                                                                      \
            return card;                                                                                     \
        va_list args;                                                                                        \
        va_start(args, flags);                                                                               \
        const mode_t mode = mode_of(flags, args);                                                            \
        va_end(args);                                                                                        \
        return SHIM_NEXT(name)(to, flags, mode);                                                             \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

#define DEFINE_OPENAT(name)                                                                                  \
    PUBLIC int name(int folder, const char* path, int flags, ...)                                            \
    {                                                                                                        \
        char room[SHIM_PATH_MAX];                                                                            \
        const char* to = shim_path(path, room);                                                              \
        const int card = open_card(to, flags);                                                               \
        if (card != -2)                                                                                      \
            return card;                                                                                     \
        va_list args;                                                                                        \
        va_start(args, flags);                                                                               \
        const mode_t mode = mode_of(flags, args);                                                            \
        va_end(args);                                                                                        \
        return SHIM_NEXT(name)(folder, to, flags, mode);                                                     \
    }
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

/* What programs built with _FORTIFY_SOURCE call. */
PUBLIC int __open_2(const char* path, int flags)
{
    return open(path, flags);
}
PUBLIC int __open64_2(const char* path, int flags)
{
    return open64(path, flags);
}

PUBLIC FILE* fopen(const char* path, const char* mode)
{
    char room[SHIM_PATH_MAX];
    return SHIM_NEXT(fopen)(shim_path(path, room), mode);
}
PUBLIC FILE* fopen64(const char* path, const char* mode)
{
    char room[SHIM_PATH_MAX];
    return SHIM_NEXT(fopen64)(shim_path(path, room), mode);
}
PUBLIC DIR* opendir(const char* path)
{
    char room[SHIM_PATH_MAX];
    return SHIM_NEXT(opendir)(shim_path(path, room));
}

/* --- Looking ------------------------------------------------------------------------------------------- */

/* A card is a character device, whether it is found by path or by descriptor, and after it was taken
 * away. */
#define BECOME_CARD(status, minor)                                                                           \
    do {                                                                                                     \
        memset((status), 0, sizeof *(status));                                                               \
        (status)->st_dev = makedev(0, 5);                                                                    \
        (status)->st_ino = (ino_t)(1000 + (minor));                                                          \
        (status)->st_mode = S_IFCHR | 0666;                                                                  \
        (status)->st_nlink = 1;                                                                              \
        (status)->st_uid = getuid();                                                                         \
        (status)->st_gid = getgid();                                                                         \
        (status)->st_blksize = 4096;                                                                         \
        (status)->st_rdev = makedev(VGPU_MAJOR, (unsigned)(minor));                                          \
    } while (0)

#define DEFINE_STAT(name, type)                                                                              \
    PUBLIC int name(const char* path, struct type* status)                                                   \
    {                                                                                                        \
        char room[SHIM_PATH_MAX];                                                                            \
        const char* to = shim_path(path, room);                                                              \
        const int failed = SHIM_NEXT(name)(to, status);                                                      \
        const int minor = to == room ? shim_minor(to) : -1;                                                  \
        if (!failed && minor >= 0)                                                                           \
            BECOME_CARD(status, minor);                                                                      \
        return failed;                                                                                       \
    }
DEFINE_STAT(stat, stat)
DEFINE_STAT(lstat, stat)
DEFINE_STAT(stat64, stat64)
DEFINE_STAT(lstat64, stat64)

#define DEFINE_FSTAT(name, type)                                                                             \
    PUBLIC int name(int fd, struct type* status)                                                             \
    {                                                                                                        \
        const int failed = SHIM_NEXT(name)(fd, status);                                                      \
        int minor;                                                                                           \
        if (!failed && S_ISSOCK(status->st_mode) && shim_is_card(fd, &minor))                                \
            BECOME_CARD(status, minor);                                                                      \
        return failed;                                                                                       \
    }
DEFINE_FSTAT(fstat, stat)
DEFINE_FSTAT(fstat64, stat64)

#define DEFINE_FSTATAT(name, type)                                                                           \
    PUBLIC int name(int folder, const char* path, struct type* status, int flags)                            \
    {                                                                                                        \
        char room[SHIM_PATH_MAX];                                                                            \
        const char* to = shim_path(path, room);                                                              \
        const int failed = SHIM_NEXT(name)(folder, to, status, flags);                                       \
        int minor = to == room ? shim_minor(to) : -1;                                                        \
        if (!failed && minor < 0 && S_ISSOCK(status->st_mode) && (flags & AT_EMPTY_PATH) && !*path &&        \
            !shim_is_card(folder, &minor))                                                                   \
            minor = -1;                                                                                      \
        if (!failed && minor >= 0)                                                                           \
            BECOME_CARD(status, minor);                                                                      \
        return failed;                                                                                       \
    }
DEFINE_FSTATAT(fstatat, stat)
DEFINE_FSTATAT(fstatat64, stat64)

PUBLIC int statx(int folder, const char* restrict path, int flags, unsigned mask,
                 struct statx* restrict status)
{
    char room[SHIM_PATH_MAX];
    const char* to = shim_path(path, room);
    const int failed = SHIM_NEXT(statx)(folder, to, flags, mask, status);
    int minor = to == room ? shim_minor(to) : -1;
    if (!failed && minor < 0 && S_ISSOCK(status->stx_mode) && (flags & AT_EMPTY_PATH) && !*path &&
        !shim_is_card(folder, &minor))
        minor = -1;
    if (!failed && minor >= 0) {
        status->stx_mode = S_IFCHR | 0666;
        status->stx_dev_major = 0;
        status->stx_dev_minor = 5;
        status->stx_ino = (uint64_t)(1000 + minor);
        status->stx_rdev_major = VGPU_MAJOR;
        status->stx_rdev_minor = (uint32_t)minor;
    }
    return failed;
}

PUBLIC int access(const char* path, int mode)
{
    char room[SHIM_PATH_MAX];
    return SHIM_NEXT(access)(shim_path(path, room), mode);
}
PUBLIC int faccessat(int folder, const char* path, int mode, int flags)
{
    char room[SHIM_PATH_MAX];
    return SHIM_NEXT(faccessat)(folder, shim_path(path, room), mode, flags);
}

/* What /proc says of a card's descriptor. Returns its length, or -1 if `path` is something else. */
static ssize_t proc_link(const char* path, char* to, size_t size)
{
    int fd = -1;
    int end = 0;
    int process = 0;
    if (sscanf(path, "/proc/self/fd/%d%n", &fd, &end) != 1 || path[end] != '\0') {
        end = 0;
        if (sscanf(path, "/proc/%d/fd/%d%n", &process, &fd, &end) != 2 || path[end] != '\0' ||
            process != getpid())
            return -1;
    }
    int minor;
    if (!shim_is_card(fd, &minor))
        return -1;
    char name[32];
    const size_t length = (size_t)snprintf(name, sizeof name, "/dev/dri/card%d", minor);
    const size_t copied = length < size ? length : size;
    memcpy(to, name, copied);
    return (ssize_t)copied;
}

PUBLIC ssize_t readlink(const char* restrict path, char* restrict to, size_t size)
{
    const ssize_t card = shim_folder() ? proc_link(path, to, size) : -1;
    char room[SHIM_PATH_MAX];
    return card >= 0 ? card : SHIM_NEXT(readlink)(shim_path(path, room), to, size);
}
PUBLIC ssize_t readlinkat(int folder, const char* restrict path, char* restrict to, size_t size)
{
    const ssize_t card = shim_folder() ? proc_link(path, to, size) : -1;
    char room[SHIM_PATH_MAX];
    return card >= 0 ? card : SHIM_NEXT(readlinkat)(folder, shim_path(path, room), to, size);
}

/* The client sees the system's names, not those of the daemon's folder. */
PUBLIC char* realpath(const char* restrict path, char* restrict resolved)
{
    char room[SHIM_PATH_MAX];
    const char* to = shim_path(path, room);
    char* found = SHIM_NEXT(realpath)(to, resolved);
    if (found && to == room) {
        const size_t folder = strlen(shim_folder());
        if (strncmp(found, shim_folder(), folder) == 0)
            memmove(found, found + folder, strlen(found + folder) + 1);
    }
    return found;
}

/* --- Calls on a card ----------------------------------------------------------------------------------- */

PUBLIC int ioctl(int fd, unsigned long command, ...)
{
    va_list args;
    va_start(args, command);
    void* argument = va_arg(args, void*);
    va_end(args);
    int minor;
    return shim_is_card(fd, &minor) ? shim_ioctl(fd, command, argument)
                                    : SHIM_NEXT(ioctl)(fd, command, argument);
}

PUBLIC ssize_t read(int fd, void* to, size_t size)
{
    int minor;
    return shim_is_card(fd, &minor) ? shim_read(fd, to, size) : SHIM_NEXT(read)(fd, to, size);
}

PUBLIC void* mmap(void* address, size_t length, int protection, int flags, int fd, off_t offset)
{
    int minor;
    return !(flags & MAP_ANONYMOUS) && shim_is_card(fd, &minor)
               ? shim_mmap(address, length, protection, flags, fd, offset)
               : SHIM_NEXT(mmap)(address, length, protection, flags, fd, offset);
}
PUBLIC void* mmap64(void* address, size_t length, int protection, int flags, int fd, off64_t offset)
{
    return mmap(address, length, protection, flags, fd, offset);
}

PUBLIC int close(int fd)
{
    int minor;
    return shim_is_card(fd, &minor) ? shim_close(fd) : SHIM_NEXT(close)(fd);
}
