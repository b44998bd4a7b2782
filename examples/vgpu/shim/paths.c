/* SPDX-License-Identifier: MIT
 *
 * Which paths lead elsewhere. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

void* shim_next(const char* name)
{
    return dlsym(RTLD_NEXT, name);
}

const char* shim_folder(void)
{
    static const char* folder; /* threads that race here find the same */
    if (!folder) {
        const char* set = getenv(VGPU_DIR_VARIABLE);
        folder = set ? set : "";
    }
    return *folder ? folder : NULL;
}

static int is_below(const char* path, const char* folder)
{
    const size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

const char* shim_path(const char* path, char room[SHIM_PATH_MAX])
{
    const char* folder = shim_folder();
    if (!folder || !path || path[0] != '/')
        return path;
    if (!is_below(path, "/dev/dri") && !is_below(path, "/sys/class/drm") &&
        strncmp(path, "/sys/dev/char/226:", 18) != 0)
        return path;
    const int length = snprintf(room, SHIM_PATH_MAX, "%s%s", folder, path);
    return length > 0 && length < SHIM_PATH_MAX ? room : path;
}

int shim_minor(const char* path)
{
    static const char card[] = "/dev/dri/card";
    const char* folder = shim_folder();
    const size_t length = folder ? strlen(folder) : 0;
    if (!folder || strncmp(path, folder, length) != 0 || strncmp(path + length, card, sizeof card - 1) != 0)
        return -1;
    const char* digits = path + length + sizeof card - 1;
    char* end = NULL;
    const long minor = strtol(digits, &end, 10);
    return end != digits && *end == '\0' && minor >= 0 && minor < 1 << 20 ? (int)minor : -1;
}
