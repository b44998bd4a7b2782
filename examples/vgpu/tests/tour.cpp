// SPDX-License-Identifier: MIT
#include "tour.h"

#include <cerrno>
#include <cstring>

#include <drm.h>
#include <drm_fourcc.h>
#include <sys/mman.h>

namespace vgpu::test {
namespace {

constexpr std::uint32_t crtc = 40, connector = 42, encoder = 41, primary = 43, overlay = 44;

template <class T>
std::uint64_t address(T* of)
{
    return reinterpret_cast<std::uintptr_t>(of);
}

class tourist {
public:
    tourist(const calls& by, int fd) : by_(by), fd_(fd) {}

    std::vector<tour_step> go()
    {
        ask_who();
        ask_what();
        make_memory();
        show();
        set_properties();
        clean_up();
        return std::move(steps_);
    }

private:
    template <class T>
    int call(const char* name, unsigned long command, T* argument)
    {
        const int result = by_.ioctl(fd_, command, argument) < 0 ? -errno : 0;
        steps_.push_back({name, result});
        return result;
    }

    void ask_who()
    {
        char text[64] = {};
        drm_version version{};
        version.name = text;
        version.name_len = sizeof text;
        call("VERSION", DRM_IOCTL_VERSION, &version);
        drm_set_version set{1, 4, -1, -1};
        call("SET_VERSION", DRM_IOCTL_SET_VERSION, &set);
        drm_unique unique{};
        unique.unique = text;
        unique.unique_len = sizeof text;
        call("GET_UNIQUE", DRM_IOCTL_GET_UNIQUE, &unique);
        drm_auth auth{};
        call("GET_MAGIC", DRM_IOCTL_GET_MAGIC, &auth);
        call("AUTH_MAGIC", DRM_IOCTL_AUTH_MAGIC, &auth);
        drm_client client{};
        call("GET_CLIENT", DRM_IOCTL_GET_CLIENT, &client);
        drm_stats stats{};
        call("GET_STATS", DRM_IOCTL_GET_STATS, &stats);
        std::uint32_t nothing = 0;
        call("DROP_MASTER", DRM_IOCTL_DROP_MASTER, &nothing);
        call("SET_MASTER", DRM_IOCTL_SET_MASTER, &nothing);
        drm_get_cap cap{DRM_CAP_DUMB_BUFFER, 0};
        call("GET_CAP", DRM_IOCTL_GET_CAP, &cap);
        drm_set_client_cap atomic{DRM_CLIENT_CAP_ATOMIC, 1};
        call("SET_CLIENT_CAP", DRM_IOCTL_SET_CLIENT_CAP, &atomic);
    }

    void ask_what()
    {
        std::uint32_t ids[16] = {}, values32[16] = {};
        std::uint64_t values[16] = {};
        drm_mode_card_res resources{};
        resources.crtc_id_ptr = address(ids);
        resources.count_crtcs = 16;
        call("MODE_GETRESOURCES", DRM_IOCTL_MODE_GETRESOURCES, &resources);
        drm_mode_get_plane_res planes{address(ids), 16};
        call("MODE_GETPLANERESOURCES", DRM_IOCTL_MODE_GETPLANERESOURCES, &planes);
        drm_mode_crtc c{};
        c.crtc_id = crtc;
        call("MODE_GETCRTC", DRM_IOCTL_MODE_GETCRTC, &c);
        drm_mode_get_encoder e{};
        e.encoder_id = encoder;
        call("MODE_GETENCODER", DRM_IOCTL_MODE_GETENCODER, &e);
        drm_mode_modeinfo modes[16] = {};
        drm_mode_get_connector get{};
        get.connector_id = connector;
        get.count_modes = 16;
        get.modes_ptr = address(modes);
        call("MODE_GETCONNECTOR", DRM_IOCTL_MODE_GETCONNECTOR, &get);
        mode_ = modes[0];
        drm_mode_get_plane plane{};
        plane.plane_id = primary;
        plane.count_format_types = 16;
        plane.format_type_ptr = address(values32);
        call("MODE_GETPLANE", DRM_IOCTL_MODE_GETPLANE, &plane);
        drm_mode_obj_get_properties properties{};
        properties.obj_id = connector;
        properties.obj_type = DRM_MODE_OBJECT_CONNECTOR;
        properties.count_props = 16;
        properties.props_ptr = address(ids);
        properties.prop_values_ptr = address(values);
        call("MODE_OBJ_GETPROPERTIES", DRM_IOCTL_MODE_OBJ_GETPROPERTIES, &properties);
        drm_mode_get_property property{};
        property.prop_id = ids[0];
        call("MODE_GETPROPERTY", DRM_IOCTL_MODE_GETPROPERTY, &property);
        std::uint8_t edid[128];
        drm_mode_get_blob blob{static_cast<std::uint32_t>(values[0]), sizeof edid, address(edid)};
        call("MODE_GETPROPBLOB", DRM_IOCTL_MODE_GETPROPBLOB, &blob);
        drm_mode_crtc_lut lut{crtc, 256, address(red_), address(green_), address(blue_)};
        call("MODE_GETGAMMA", DRM_IOCTL_MODE_GETGAMMA, &lut);
    }

    void make_memory()
    {
        for (int i = 0; i < 2; ++i) {
            drm_mode_create_dumb& dumb = dumb_[i];
            dumb = {};
            dumb.width = 1024;
            dumb.height = 768;
            dumb.bpp = 32;
            call("MODE_CREATE_DUMB", DRM_IOCTL_MODE_CREATE_DUMB, &dumb);
            drm_mode_map_dumb map{dumb.handle, 0, 0};
            call("MODE_MAP_DUMB", DRM_IOCTL_MODE_MAP_DUMB, &map);
            void* memory = by_.mmap(nullptr, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_,
                                    static_cast<long>(map.offset));
            if (memory != MAP_FAILED) {
                std::memset(memory, 0x40, dumb.size);
                munmap(memory, dumb.size);
            }
        }
        drm_mode_fb_cmd old{};
        old.width = 1024;
        old.height = 768;
        old.pitch = dumb_[0].pitch;
        old.bpp = 32;
        old.depth = 24;
        old.handle = dumb_[0].handle;
        call("MODE_ADDFB", DRM_IOCTL_MODE_ADDFB, &old);
        fb_[0] = old.fb_id;
        drm_mode_fb_cmd2 fb{};
        fb.width = 1024;
        fb.height = 768;
        fb.pixel_format = DRM_FORMAT_XRGB8888;
        fb.handles[0] = dumb_[1].handle;
        fb.pitches[0] = dumb_[1].pitch;
        call("MODE_ADDFB2", DRM_IOCTL_MODE_ADDFB2, &fb);
        fb_[1] = fb.fb_id;
        drm_mode_fb_cmd get{};
        get.fb_id = fb_[0];
        call("MODE_GETFB", DRM_IOCTL_MODE_GETFB, &get);
        drm_gem_close close{get.handle, 0};
        call("GEM_CLOSE", DRM_IOCTL_GEM_CLOSE, &close);
        drm_mode_fb_cmd2 get2{};
        get2.fb_id = fb_[1];
        call("MODE_GETFB2", DRM_IOCTL_MODE_GETFB2, &get2);
    }

    void show()
    {
        std::uint32_t connectors[] = {connector};
        drm_mode_crtc set{};
        set.crtc_id = crtc;
        set.fb_id = fb_[0];
        set.mode = mode_;
        set.mode_valid = 1;
        set.count_connectors = 1;
        set.set_connectors_ptr = address(connectors);
        call("MODE_SETCRTC", DRM_IOCTL_MODE_SETCRTC, &set);
        drm_mode_crtc_lut lut{crtc, 256, address(red_), address(green_), address(blue_)};
        call("MODE_SETGAMMA", DRM_IOCTL_MODE_SETGAMMA, &lut);
        drm_wait_vblank wait{};
        wait.request.type = _DRM_VBLANK_RELATIVE;
        wait.request.sequence = 2;
        call("WAIT_VBLANK", DRM_IOCTL_WAIT_VBLANK, &wait);
        drm_mode_crtc_page_flip flip{crtc, fb_[1], DRM_MODE_PAGE_FLIP_EVENT, 0, 7};
        call("MODE_PAGE_FLIP", DRM_IOCTL_MODE_PAGE_FLIP, &flip);
        drm_mode_fb_dirty_cmd dirty{};
        dirty.fb_id = fb_[1];
        call("MODE_DIRTYFB", DRM_IOCTL_MODE_DIRTYFB, &dirty);
        drm_mode_set_plane plane{};
        plane.plane_id = overlay;
        plane.crtc_id = crtc;
        plane.fb_id = fb_[0];
        plane.crtc_x = 10;
        plane.crtc_w = plane.crtc_h = 100;
        plane.src_w = plane.src_h = 100 << 16;
        call("MODE_SETPLANE", DRM_IOCTL_MODE_SETPLANE, &plane);
        drm_mode_cursor cursor{};
        cursor.flags = DRM_MODE_CURSOR_BO;
        cursor.crtc_id = crtc;
        cursor.width = cursor.height = 64;
        cursor.handle = dumb_[0].handle;
        call("MODE_CURSOR", DRM_IOCTL_MODE_CURSOR, &cursor);
        drm_mode_cursor2 move{};
        move.flags = DRM_MODE_CURSOR_MOVE;
        move.crtc_id = crtc;
        move.x = 5;
        call("MODE_CURSOR2", DRM_IOCTL_MODE_CURSOR2, &move);
    }

    void set_properties()
    {
        drm_mode_connector_set_property old{0, 3, connector}; // link-status: good
        call("MODE_SETPROPERTY", DRM_IOCTL_MODE_SETPROPERTY, &old);
        drm_mode_obj_set_property set{0, 3, connector, DRM_MODE_OBJECT_CONNECTOR};
        call("MODE_OBJ_SETPROPERTY", DRM_IOCTL_MODE_OBJ_SETPROPERTY, &set);
        drm_mode_create_blob blob{address(&mode_), sizeof mode_, 0};
        call("MODE_CREATEPROPBLOB", DRM_IOCTL_MODE_CREATEPROPBLOB, &blob);
        std::uint32_t objects[] = {crtc}, counts[] = {1}, properties[] = {6}; // MODE_ID
        std::uint64_t values[] = {blob.blob_id};
        drm_mode_atomic atomic{};
        atomic.flags = DRM_MODE_ATOMIC_ALLOW_MODESET;
        atomic.count_objs = 1;
        atomic.objs_ptr = address(objects);
        atomic.count_props_ptr = address(counts);
        atomic.props_ptr = address(properties);
        atomic.prop_values_ptr = address(values);
        call("MODE_ATOMIC", DRM_IOCTL_MODE_ATOMIC, &atomic);
        drm_mode_destroy_blob gone{blob.blob_id};
        call("MODE_DESTROYPROPBLOB", DRM_IOCTL_MODE_DESTROYPROPBLOB, &gone);
    }

    void clean_up()
    {
        call("MODE_RMFB", DRM_IOCTL_MODE_RMFB, &fb_[0]);
        drm_mode_destroy_dumb gone{dumb_[0].handle};
        call("MODE_DESTROY_DUMB", DRM_IOCTL_MODE_DESTROY_DUMB, &gone);
    }

    const calls by_;
    const int fd_;
    std::vector<tour_step> steps_;
    drm_mode_modeinfo mode_{};
    drm_mode_create_dumb dumb_[2] = {};
    std::uint32_t fb_[2] = {};
    std::uint16_t red_[256] = {}, green_[256] = {}, blue_[256] = {};
};

} // namespace

std::vector<tour_step> tour(const calls& by, int fd)
{
    return tourist(by, fd).go();
}

} // namespace vgpu::test
