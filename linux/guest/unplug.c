// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
/*
 * Takes a DRM driver away from its device again and again while three threads use it.
 *
 *	unplug pci <driver> <address> <rounds>		unbind and bind through sysfs
 *	unplug virtio <driver> <device> <rounds>	the same on the virtio bus
 *	unplug module <driver> <file> <rounds>		remove and insert the module
 *	unplug platform <driver> <device> <rounds>	a platform device, without clients
 *
 * Ends non-zero if an ioctl on a file from before still works after the device went, or a step fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The few words of the DRM interface that are needed. */
struct version {
	int major, minor, patch;
	size_t name_length;
	char *name;
	size_t date_length;
	char *date;
	size_t description_length;
	char *description;
};
struct create_dumb {
	uint32_t height, width, bpp, flags, handle, pitch;
	uint64_t size;
};
struct map_dumb {
	uint32_t handle, pad;
	uint64_t offset;
};
struct destroy_dumb {
	uint32_t handle;
};
#define GET_VERSION _IOWR('d', 0x00, struct version)
#define CREATE_DUMB _IOWR('d', 0xb2, struct create_dumb)
#define MAP_DUMB _IOWR('d', 0xb3, struct map_dumb)
#define DESTROY_DUMB _IOWR('d', 0xb4, struct destroy_dumb)

static const char *driver;
static atomic_bool stop;
/* A module is not removed while somebody has a file of it: meanwhile clients close theirs after each call. */
static atomic_bool makes_way;
static atomic_long sessions, calls, refused, pages;

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static int get_name(int fd, char *name, size_t size)
{
	struct version v = { .name_length = size - 1, .name = name };

	memset(name, 0, size);
	return ioctl(fd, GET_VERSION, &v) ? -errno : 0;
}

/* The card of our driver, or -1. */
static int open_card(void)
{
	for (int i = 0; i < 64; i++) {
		char path[64], name[32];
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!get_name(fd, name, sizeof(name)) && !strcmp(name, driver))
			return fd;
		close(fd);
	}
	return -1;
}

static void *client(void *unused)
{
	while (!stop) {
		int fd = open_card();

		if (fd < 0) {
			pause_ms(1);
			continue;
		}
		sessions++;
		for (int i = 0; i < 20 && !stop && !makes_way; i++) {
			struct create_dumb dumb = { .height = 16, .width = 64, .bpp = 32 };
			struct map_dumb map = {};
			char name[32];
			unsigned char *memory;

			calls++;
			if (get_name(fd, name, sizeof(name)) || ioctl(fd, CREATE_DUMB, &dumb)) {
				refused++;
				break;
			}
			map.handle = dumb.handle;
			if (!ioctl(fd, MAP_DUMB, &map)) {
				memory = mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, map.offset);
				if (memory != MAP_FAILED) {
					munmap(memory, dumb.size);
					pages++;
				}
			}
			ioctl(fd, DESTROY_DUMB, &(struct destroy_dumb){ .handle = dumb.handle });
		}
		close(fd);
		if (makes_way)
			pause_ms(20);
	}
	return NULL;
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), result = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		result = -errno;
	close(fd);
	return result;
}

static int bus(const char *kind, const char *what, const char *device)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/%s/drivers/%s/%s", kind, driver, what);
	return put(path, device);
}

static int remove_module(void)
{
	int result = -1;

	makes_way = 1;
	for (int tries = 0; tries < 20000; tries++) {
		result = syscall(SYS_delete_module, driver, O_NONBLOCK) ? -errno : 0;
		if (result != -EAGAIN && result != -EBUSY)
			break;
		pause_ms(1);
	}
	makes_way = 0;
	return result;
}

static int insert_module(const char *file)
{
	int fd = open(file, O_RDONLY), result;

	if (fd < 0)
		return -errno;
	result = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return result;
}

int main(int argc, char **argv)
{
	int failures = 0, alive = 0, rounds;
	int is_module, is_rtc;
	pthread_t threads[3];
	const char *device;

	if (argc != 5)
		return 2;
	is_module = !strcmp(argv[1], "module");
	is_rtc = !strcmp(argv[1], "platform");
	driver = argv[2];
	device = argv[3];
	rounds = atoi(argv[4]);

	for (int i = 0; i < 3 && !is_rtc; i++)
		pthread_create(&threads[i], NULL, client, NULL);
	for (int round = 0; round < rounds; round++) {
		int fd = -1, result;
		char name[32];

		if (!is_rtc)
			pause_ms(300);
		if (!is_rtc && !is_module) {
			for (int tries = 0; fd < 0 && tries < 3000; tries++) {
				fd = open_card();
				if (fd < 0)
					pause_ms(1);
			}
			failures += fd < 0;
		}
		result = is_module ? remove_module() : bus(argv[1], "unbind", device);
		if (result) {
			printf("unplug: round %d: taking away: %s\n", round, strerror(-result));
			failures++;
		}
		if (fd >= 0) {
			result = get_name(fd, name, sizeof(name));
			if (result != -ENODEV) {
				printf("unplug: round %d: an old file still works (%d)\n", round, result);
				alive++;
			}
			close(fd);
		}
		result = is_module ? insert_module(device) : bus(argv[1], "bind", device);
		if (result) {
			printf("unplug: round %d: bringing back: %s\n", round, strerror(-result));
			failures++;
		}
	}
	stop = 1;
	for (int i = 0; i < 3 && !is_rtc; i++)
		pthread_join(threads[i], NULL);
	printf("unplug: %s: %d rounds, %ld files, %ld calls, %ld refused, %ld maps; %d failures, %d old files alive\n",
	       driver, rounds, sessions, calls, refused, pages, failures, alive);
	return failures || alive;
}
