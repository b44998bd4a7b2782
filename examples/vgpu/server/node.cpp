// SPDX-License-Identifier: MIT
#include "node.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../wire.h"

namespace fs = std::filesystem;

namespace vgpu {
namespace {

std::string card_name(int card)
{
    return "card" + std::to_string(card);
}

std::string by_number(const std::string& folder, int card)
{
    return folder + "/sys/dev/char/" + std::to_string(VGPU_MAJOR) + ":" + std::to_string(card);
}

void write_file(const std::string& path, const std::string& text)
{
    std::ofstream(path) << text;
}

// What libdrm looks at to find out which bus a card is on, and that it is one.
void describe(const std::string& folder, int card)
{
    std::error_code ignored; // a client that misses something says so
    const std::string own = by_number(folder, card);
    const std::string minor = std::to_string(card);
    const std::string uevent = "MAJOR=" + std::to_string(VGPU_MAJOR) + "\nMINOR=" + minor + "\nDEVNAME=dri/" +
                               card_name(card) + "\nDEVTYPE=drm_minor\n";
    fs::create_directories(own + "/device/drm/" + card_name(card), ignored);
    write_file(own + "/uevent", uevent);
    write_file(own + "/device/uevent", "DRIVER=vgpu\nMODALIAS=platform:vgpu\n");
    write_file(own + "/device/drm/" + card_name(card) + "/uevent", uevent);
    write_file(own + "/device/drm/" + card_name(card) + "/dev",
               std::to_string(VGPU_MAJOR) + ":" + minor + "\n");
    fs::create_directories(folder + "/sys/bus/platform", ignored);
    fs::create_symlink("../../../../bus/platform", own + "/device/subsystem", ignored);
    fs::create_directories(folder + "/sys/class/drm", ignored);
    fs::create_symlink("../../dev/char/" + std::to_string(VGPU_MAJOR) + ":" + minor + "/device/drm/" +
                           card_name(card),
                       folder + "/sys/class/drm/" + card_name(card), ignored);
}

void forget(const std::string& folder, int card)
{
    std::error_code ignored;
    fs::remove(folder + "/sys/class/drm/" + card_name(card), ignored);
    fs::remove_all(by_number(folder, card), ignored);
}

} // namespace

device_node::device_node(card_server& server, int card, devres::drm_device* drm)
    : server_(server), card_(card), drm_(drm), lived_(owned_by::device, "device node", card)
{
}

int device_node::appear()
{
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string path = server_.folder() + "/dev/dri/" + card_name(card_);
    if (path.size() >= sizeof name.sun_path)
        return -ENAMETOOLONG;
    std::memcpy(name.sun_path, path.c_str(), path.size());
    std::error_code error;
    fs::create_directories(server_.folder() + "/dev/dri", error);
    describe(server_.folder(), card_);
    const int made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0)
        return -errno;
    // SAFETY: the way sockets take addresses.
    if (bind(made, reinterpret_cast<const sockaddr*>(&name), sizeof name) || ::listen(made, 128)) {
        const int err = -errno;
        ::close(made);
        return err;
    }
    if (const int err = server_.listen(made, drm_)) {
        fs::remove(path, error);
        ::close(made);
        return err;
    }
    socket_ = made;
    return 0;
}

device_node::~device_node()
{
    std::error_code ignored;
    if (socket_ >= 0) {
        fs::remove(server_.folder() + "/dev/dri/" + card_name(card_), ignored);
        server_.unlisten(socket_);
    }
    forget(server_.folder(), card_);
}

} // namespace vgpu
