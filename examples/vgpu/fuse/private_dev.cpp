// SPDX-License-Identifier: MIT
#include "private_dev.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../server/fd.h"

namespace vgpu {
namespace {

// What is mounted below /dev, to be moved over what will cover it.
std::vector<std::pair<std::string, unique_fd>> take_mounts_of_dev()
{
    std::vector<std::pair<std::string, unique_fd>> taken;
    struct stat dev {};
    stat("/dev", &dev);
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/dev", ignored)) {
        struct stat one {};
        const char* path = entry.path().c_str();
        if (lstat(path, &one) || one.st_dev == dev.st_dev)
            continue;
        unique_fd tree(open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
        if (tree)
            taken.emplace_back(path, std::move(tree));
    }
    return taken;
}

// A machine without a display has no /dev/dri. Making one there would show to everybody, so a layer with that
// folder is put over /dev. The layer's tmpfs is at /tmp only until then.
bool add_folder_dri()
{
    const auto mounts = take_mounts_of_dev();
    if (mount("vgpu", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755"))
        return false;
    const bool made = mkdir("/tmp/dri", 0755) == 0 &&
                      mount("vgpu", "/dev", "overlay", MS_NOSUID | MS_NOEXEC, "lowerdir=/tmp:/dev") == 0;
    umount2("/tmp", MNT_DETACH);
    for (const auto& [path, tree] : mounts)
        if (made && move_mount(tree.get(), "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH))
            return false;
    return made;
}

} // namespace

const char* make_private_dev()
{
    static bool is_made = false;
    if (is_made)
        return nullptr;
    if (geteuid() != 0)
        return "it takes root";
    // What others mount is still seen here, and not the other way round.
    if (unshare(CLONE_NEWNS) || mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr))
        return "no mount namespace can be made";
    if (access("/dev/dri", F_OK) && !add_folder_dri())
        return "there is no /dev/dri, and no overlay can be mounted that has one";
    is_made = true;
    return nullptr;
}

} // namespace vgpu
