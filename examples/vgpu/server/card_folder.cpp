// SPDX-License-Identifier: MIT
#include "card_folder.h"

#include <filesystem>
#include <fstream>

#include "../wire.h"

namespace fs = std::filesystem;

namespace vgpu {
namespace {

std::string by_number(const std::string& folder, int card)
{
    return folder + "/sys/dev/char/" + std::to_string(VGPU_MAJOR) + ":" + std::to_string(card);
}

void write_file(const std::string& path, const std::string& text)
{
    std::ofstream(path) << text;
}

} // namespace

std::string card_name(int card)
{
    return "card" + std::to_string(card);
}

void describe_card(const std::string& folder, int card)
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

void forget_card(const std::string& folder, int card)
{
    std::error_code ignored;
    fs::remove(folder + "/sys/class/drm/" + card_name(card), ignored);
    fs::remove_all(by_number(folder, card), ignored);
}

} // namespace vgpu
