/* SPDX-License-Identifier: MIT
 *
 * The client's side of wire.h.
 *
 * Which file a descriptor is, is asked of the kernel each time: the socket's peer is named after the card,
 * and its own name is the file's. So dup, fork, exec and passing a descriptor to another process need no
 * bookkeeping here.
 *
 * Each thread has a connection of its own, since a call may block. A child has none of its parent's: the
 * connection knows the process that made it. A program that closes every descriptor it finds closes it,
 * too: before each call the thread asks the kernel whether its descriptor is still the connection. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "shim.h"

union message {
    struct vgpu_message head;
    char bytes[sizeof(struct vgpu_message) + VGPU_PAYLOAD_MAX];
};

struct channel {
    int fd;
    pid_t process;
};
static __thread struct channel this_channel = {-1, 0};
static pthread_key_t at_thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;

static int close_fd(int fd)
{
    return SHIM_NEXT(close)(fd);
}

/* --- Sockets ------------------------------------------------------------------------------------------- */

/* The path that the other end of `fd` is bound to. Returns 0 if it has none. */
static int peer_path(int fd, struct sockaddr_un* name)
{
    socklen_t length = sizeof *name;
    const int before = errno;
    memset(name, 0, sizeof *name);
    const int found = getpeername(fd, (struct sockaddr*)name, &length) == 0 && name->sun_family == AF_UNIX &&
                      name->sun_path[0];
    errno = before;
    return found;
}

int shim_is_card(int fd, int* minor)
{
    struct sockaddr_un peer;
    if (!shim_folder() || !peer_path(fd, &peer))
        return 0;
    *minor = shim_minor(peer.sun_path);
    return *minor >= 0;
}

static uint64_t file_of(int fd)
{
    struct sockaddr_un name;
    socklen_t length = sizeof name;
    uint64_t file = 0;
    memset(&name, 0, sizeof name);
    if (getsockname(fd, (struct sockaddr*)&name, &length) == 0)
        memcpy(&file, name.sun_path + 1, 5);
    return file;
}

static int connect_to(const char* path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof to.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(to.sun_path, path);
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    const sa_family_t nameless = AF_UNIX; /* the kernel finds a name */
    int failed = bind(fd, (const struct sockaddr*)&nameless, sizeof nameless);
    if (!failed)
        do
            failed = connect(fd, (struct sockaddr*)&to, sizeof to);
        while (failed && errno == EINTR);
    if (failed) {
        const int error = errno;
        close_fd(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* --- The channel of this thread ------------------------------------------------------------------------ */

static int is_calls_socket(int fd)
{
    struct sockaddr_un peer;
    const char* folder = shim_folder();
    const size_t length = strlen(folder);
    return peer_path(fd, &peer) && strncmp(peer.sun_path, folder, length) == 0 &&
           strcmp(peer.sun_path + length, VGPU_CALLS_SOCKET) == 0;
}

static int has_channel(void)
{
    return this_channel.fd >= 0 && this_channel.process == getpid() && is_calls_socket(this_channel.fd);
}

static void end_channel(void* ignored)
{
    (void)ignored;
    if (has_channel())
        close_fd(this_channel.fd);
    this_channel.fd = -1;
}

static void make_key(void)
{
    pthread_key_create(&at_thread_end, end_channel);
}

static int channel(void)
{
    if (has_channel())
        return this_channel.fd;
    /* After fork the descriptor is the parent's connection: this copy of it can go. */
    if (this_channel.fd >= 0 && this_channel.process != getpid() && is_calls_socket(this_channel.fd))
        close_fd(this_channel.fd);
    char path[SHIM_PATH_MAX];
    snprintf(path, sizeof path, "%s%s", shim_folder(), VGPU_CALLS_SOCKET);
    this_channel.fd = connect_to(path);
    this_channel.process = getpid();
    pthread_once(&once, make_key);
    pthread_setspecific(at_thread_end, &this_channel);
    return this_channel.fd;
}

/* --- Messages ------------------------------------------------------------------------------------------ */

static int send_message(int to, const union message* m, size_t extra, int fd)
{
    struct iovec part = {(void*)(uintptr_t)m, sizeof m->head + extra};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr* head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(head), &fd, sizeof fd);
    }
    ssize_t sent;
    do
        sent = sendmsg(to, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

/* Returns the bytes after the head, or -1. `*fd` is a descriptor that came with it, else unchanged. */
static ssize_t receive_message(int from, union message* m, int* fd)
{
    struct iovec part = {m, sizeof *m};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t received;
    do
        received = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < (ssize_t)sizeof m->head)
        return -1;
    struct cmsghdr* head = CMSG_FIRSTHDR(&message);
    if (head && head->cmsg_type == SCM_RIGHTS)
        memcpy(fd, CMSG_DATA(head), sizeof *fd);
    return received - (ssize_t)sizeof m->head;
}

/* The kernel looks at the addresses: what is not there is EFAULT, not a crash. */
static int64_t copy_memory(int writing, uint64_t address, void* bytes, uint64_t length)
{
    if (length > VGPU_PAYLOAD_MAX)
        return -EINVAL;
    struct iovec here = {bytes, length};
    struct iovec there = {(void*)(uintptr_t)address, length};
    const ssize_t copied = writing ? process_vm_writev(getpid(), &here, 1, &there, 1, 0)
                                   : process_vm_readv(getpid(), &here, 1, &there, 1, 0);
    return copied == (ssize_t)length ? 0 : -EFAULT;
}

/* Answers the daemon until it is done. Returns the result; its bytes are in `m`, `*extra` of them. */
static int64_t converse(int to, union message* m, size_t* extra, int* fd)
{
    for (;;) {
        const ssize_t received = receive_message(to, m, fd);
        if (received < 0)
            return -ENODEV; /* the daemon is gone, and so is everything it had */
        *extra = (size_t)received;
        if (m->head.word == VGPU_DONE)
            return m->head.result;
        const uint64_t length = m->head.length;
        const int reads = m->head.word == VGPU_READ;
        m->head.result = copy_memory(!reads, m->head.address, m->bytes + sizeof m->head, length);
        m->head.word = VGPU_DATA;
        if (send_message(to, m, reads && m->head.result == 0 ? (size_t)length : 0, -1))
            return -ENODEV;
    }
}

/* One call for the file behind `fd`. `m` holds the call and then the answer. */
static int64_t call(int fd, union message* m, size_t* extra, int* answer)
{
    const int to = channel();
    if (to < 0)
        return -ENODEV;
    const uint64_t file = file_of(fd);
    const struct vgpu_message head = m->head;
    const size_t size = *extra;
    char
        argument[VGPU_PAYLOAD_MAX > 16384 ? 16384 : VGPU_PAYLOAD_MAX]; /* an ioctl's is smaller than 16 KiB */
    memcpy(argument, m->bytes + sizeof head, size);
    for (int tries = 0;; ++tries) {
        m->head = head;
        m->head.file = file;
        memcpy(m->bytes + sizeof head, argument, size);
        if (send_message(to, m, size, -1))
            return -ENODEV;
        const int64_t result = converse(to, m, extra, answer);
        if (result != -ESTALE || tries == 2)
            return result;
        m->head = (struct vgpu_message){.word = VGPU_USE, .file = file};
        if (send_message(to, m, 0, fd))
            return -ENODEV;
        const int64_t known = converse(to, m, extra, answer);
        if (known < 0)
            return known;
    }
}

static int result_of(int64_t result)
{
    if (result >= 0)
        return (int)result;
    errno = (int)-result;
    return -1;
}

/* --- The calls ----------------------------------------------------------------------------------------- */

int shim_open(const char* path, int flags)
{
    const int fd = connect_to(path);
    if (fd < 0) {
        if (errno == ECONNREFUSED)
            errno = ENODEV; /* the daemon was killed, or is just taking the card away */
        return -1;
    }
    union message m;
    int ignored = -1;
    const ssize_t received = receive_message(fd, &m, &ignored);
    const int64_t result = received < 0 ? -ENODEV : m.head.result;
    if (result < 0) {
        close_fd(fd);
        return result_of(result);
    }
    if (!(flags & O_CLOEXEC))
        fcntl(fd, F_SETFD, 0);
    if (flags & O_NONBLOCK)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

int shim_ioctl(int fd, unsigned long command, void* argument)
{
    union message m;
    const int cancelled_before = errno;
    size_t extra = _IOC_SIZE(command);
    memset(&m.head, 0, sizeof m.head);
    m.head.word = VGPU_IOCTL;
    m.head.number = (uint32_t)command;
    m.head.address = (uintptr_t)argument;
    if (_IOC_DIR(command) & _IOC_WRITE) {
        if (copy_memory(0, m.head.address, m.bytes + sizeof m.head, extra))
            return result_of(-EFAULT);
    } else {
        extra = 0;
    }
    int ignored = -1;
    const int64_t result = call(fd, &m, &extra, &ignored);
    if (result != -ENODEV && (_IOC_DIR(command) & _IOC_READ) && extra > 0 &&
        copy_memory(1, (uintptr_t)argument, m.bytes + sizeof m.head, extra))
        return result_of(-EFAULT);
    if (result >= 0)
        errno = cancelled_before;
    return result_of(result);
}

void* shim_mmap(void* address, size_t length, int protection, int flags, int fd, off_t offset)
{
    union message m;
    size_t extra = 0;
    int memory = -1;
    memset(&m.head, 0, sizeof m.head);
    m.head.word = VGPU_MMAP;
    m.head.address = (uint64_t)offset;
    m.head.length = length;
    const int64_t result = call(fd, &m, &extra, &memory);
    if (result < 0 || memory < 0) {
        errno = result < 0 ? (int)-result : ENODEV;
        return MAP_FAILED;
    }
    void* mapped = SHIM_NEXT(mmap)(address, length, protection, flags, memory, (off_t)m.head.address);
    const int error = errno;
    close_fd(memory);
    errno = error;
    return mapped;
}

/* As many whole events as fit; one that does not fit stays. */
ssize_t shim_read(int fd, void* to, size_t size)
{
    size_t taken = 0;
    for (;;) {
        pthread_mutex_lock(&reading);
        ssize_t next;
        for (;;) {
            next = recv(fd, to, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
            if (next <= 0 || (size_t)next > size - taken)
                break;
            recv(fd, (char*)to + taken, size - taken, MSG_DONTWAIT);
            taken += (size_t)next;
        }
        const int error = errno;
        pthread_mutex_unlock(&reading);
        if (taken > 0 || next > 0)
            return (ssize_t)taken;
        if (next == 0) { /* the daemon is gone */
            errno = ENODEV;
            return -1;
        }
        if (error != EAGAIN || (fcntl(fd, F_GETFL) & O_NONBLOCK)) {
            errno = error;
            return -1;
        }
        struct pollfd one = {.fd = fd, .events = POLLIN};
        if (poll(&one, 1, -1) < 0)
            return -1;
    }
}

/* Returns when the daemon has seen that it is closed. A child of vfork shares this thread's memory, and a
 * thread without a channel has made no call: neither makes one here. */
int shim_close(int fd)
{
    const uint64_t file = file_of(fd);
    const int closed = close_fd(fd);
    if (closed == 0 && has_channel()) {
        union message m;
        size_t extra = 0;
        int ignored = -1;
        const int before = errno;
        memset(&m.head, 0, sizeof m.head);
        m.head.word = VGPU_CLOSE;
        m.head.file = file;
        if (send_message(this_channel.fd, &m, 0, -1) == 0)
            converse(this_channel.fd, &m, &extra, &ignored);
        errno = before;
    }
    return closed;
}
