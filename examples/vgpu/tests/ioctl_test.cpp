// SPDX-License-Identifier: MIT
//
// What the kernel's documentation says of the ioctls: errors above all.
#include <cstring>
#include <vector>

#include <drm.h>
#include <drm_fourcc.h>

#include "bench.h"

namespace vgpu::test {
namespace {

template <class T>
std::uint64_t address(T* of)
{
    return reinterpret_cast<std::uintptr_t>(of);
}

class IoctlTest : public VgpuTest {
protected:
    void SetUp() override
    {
        plug_in();
        fd = open_card();
        ASSERT_GE(fd, 0);
    }
    void TearDown() override { shim_close(fd); }

    std::uint32_t make_dumb(std::uint32_t width = 1024, std::uint32_t height = 768)
    {
        drm_mode_create_dumb dumb{height, width, 32, 0, 0, 0, 0};
        EXPECT_EQ(0, call(fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb));
        pitch = dumb.pitch;
        return dumb.handle;
    }
    drm_mode_fb_cmd2 fb_command(std::uint32_t handle) const
    {
        drm_mode_fb_cmd2 fb{};
        fb.width = 1024;
        fb.height = 768;
        fb.pixel_format = DRM_FORMAT_XRGB8888;
        fb.handles[0] = handle;
        fb.pitches[0] = pitch;
        return fb;
    }
    std::uint32_t make_fb()
    {
        drm_mode_fb_cmd2 fb = fb_command(make_dumb());
        EXPECT_EQ(0, call(fd, DRM_IOCTL_MODE_ADDFB2, &fb));
        return fb.fb_id;
    }
    drm_mode_modeinfo first_mode() const
    {
        drm_mode_modeinfo modes[16] = {};
        drm_mode_get_connector get{};
        get.connector_id = 42;
        get.count_modes = 16;
        get.modes_ptr = address(modes);
        EXPECT_EQ(0, call(fd, DRM_IOCTL_MODE_GETCONNECTOR, &get));
        return modes[0];
    }
    int set_crtc(std::uint32_t fb, drm_mode_modeinfo mode) const
    {
        std::uint32_t connectors[] = {42};
        drm_mode_crtc set{};
        set.crtc_id = 40;
        set.fb_id = fb;
        set.mode = mode;
        set.mode_valid = 1;
        set.count_connectors = 1;
        set.set_connectors_ptr = address(connectors);
        return call(fd, DRM_IOCTL_MODE_SETCRTC, &set);
    }
    int set_cap(std::uint64_t cap, std::uint64_t value) const
    {
        drm_set_client_cap set{cap, value};
        return call(fd, DRM_IOCTL_SET_CLIENT_CAP, &set);
    }
    struct setting {
        std::uint32_t object, property;
        std::uint64_t value;
    };
    int atomic(const std::vector<setting>& all, std::uint32_t flags) const
    {
        std::vector<std::uint32_t> objects, counts(all.size(), 1), properties;
        std::vector<std::uint64_t> values;
        for (const setting& s : all) {
            objects.push_back(s.object);
            properties.push_back(s.property);
            values.push_back(s.value);
        }
        drm_mode_atomic a{};
        a.flags = flags;
        a.count_objs = static_cast<std::uint32_t>(all.size());
        a.objs_ptr = address(objects.data());
        a.count_props_ptr = address(counts.data());
        a.props_ptr = address(properties.data());
        a.prop_values_ptr = address(values.data());
        return call(fd, DRM_IOCTL_MODE_ATOMIC, &a);
    }

    int fd = -1;
    std::uint32_t pitch = 0;
};

TEST_F(IoctlTest, VersionTellsLengthsAndFillsWhatThereIsRoomFor)
{
    char name[3] = {'?', '?', '?'};
    drm_version v{};
    v.name = name;
    v.name_len = 2;
    EXPECT_EQ(0, call(fd, DRM_IOCTL_VERSION, &v));
    EXPECT_EQ(4u, v.name_len);
    EXPECT_EQ(0, std::memcmp(name, "vg?", 3));
    EXPECT_EQ(1, v.version_major);
}

TEST_F(IoctlTest, UnknownOnesAreRefused)
{
    std::uint32_t nothing = 0;
    EXPECT_EQ(-EINVAL, call(fd, DRM_IOWR(0xcf, std::uint32_t), &nothing));
    EXPECT_EQ(-EINVAL, call(fd, DRM_IOWR(0x41, std::uint32_t), &nothing));
    EXPECT_EQ(-ENOTTY, call(fd, _IOWR('x', 0, std::uint32_t), &nothing));
    drm_get_cap cap{999, 0};
    EXPECT_EQ(-EINVAL, call(fd, DRM_IOCTL_GET_CAP, &cap));
}

TEST_F(IoctlTest, AStructureMayBeShorterOrLongerThanTheDriversOwn)
{
    struct {
        drm_get_cap cap{DRM_CAP_DUMB_BUFFER, 0};
        std::uint64_t newer = 7;
    } longer;
    EXPECT_EQ(0, call(fd, _IOWR('d', 0x0c, decltype(longer)), &longer));
    EXPECT_EQ(1u, longer.cap.value);
    struct {
        std::uint64_t capability = DRM_CAP_DUMB_BUFFER;
    } shorter;
    EXPECT_EQ(0, call(fd, _IOWR('d', 0x0c, decltype(shorter)), &shorter));
}

TEST_F(IoctlTest, OneIsMasterAndOthersAreLetInByIt)
{
    const int other = open_card();
    ASSERT_GE(other, 0);
    drm_client client{};
    EXPECT_EQ(0, call(fd, DRM_IOCTL_GET_CLIENT, &client));
    EXPECT_EQ(1, client.auth);
    EXPECT_EQ(static_cast<unsigned long>(getpid()), client.pid);
    client = {};
    EXPECT_EQ(0, call(other, DRM_IOCTL_GET_CLIENT, &client));
    EXPECT_EQ(0, client.auth);
    client.idx = 1;
    EXPECT_EQ(-EINVAL, call(other, DRM_IOCTL_GET_CLIENT, &client));

    drm_auth auth{};
    EXPECT_EQ(0, call(other, DRM_IOCTL_GET_MAGIC, &auth));
    EXPECT_EQ(-EACCES, call(other, DRM_IOCTL_AUTH_MAGIC, &auth));
    drm_auth wrong{auth.magic + 1};
    EXPECT_EQ(-EINVAL, call(fd, DRM_IOCTL_AUTH_MAGIC, &wrong));
    EXPECT_EQ(0, call(fd, DRM_IOCTL_AUTH_MAGIC, &auth));
    EXPECT_EQ(-EINVAL, call(fd, DRM_IOCTL_AUTH_MAGIC, &auth)) << "a magic is good for once";
    client = {};
    EXPECT_EQ(0, call(other, DRM_IOCTL_GET_CLIENT, &client));
    EXPECT_EQ(1, client.auth);

    std::uint32_t nothing = 0;
    drm_mode_crtc_page_flip flip{40, 1, 0, 0, 0};
    EXPECT_EQ(-EACCES, call(other, DRM_IOCTL_MODE_PAGE_FLIP, &flip));
    EXPECT_EQ(geteuid() == 0 ? -EBUSY : -EACCES, call(other, DRM_IOCTL_SET_MASTER, &nothing));
    EXPECT_EQ(0, call(fd, DRM_IOCTL_DROP_MASTER, &nothing));
    EXPECT_EQ(-EINVAL, call(fd, DRM_IOCTL_DROP_MASTER, &nothing));
    EXPECT_EQ(-EACCES, call(fd, DRM_IOCTL_MODE_PAGE_FLIP, &flip));
    EXPECT_EQ(0, call(fd, DRM_IOCTL_SET_MASTER, &nothing)) << "it was master before";
    EXPECT_EQ(0, call(fd, DRM_IOCTL_SET_MASTER, &nothing));
    shim_close(other);
}

TEST_F(IoctlTest, DumbBuffers)
{
    for (const drm_mode_create_dumb& wrong :
         {drm_mode_create_dumb{0, 16, 32, 0, 0, 0, 0}, drm_mode_create_dumb{16, 0, 32, 0, 0, 0, 0},
          drm_mode_create_dumb{16, 16, 0, 0, 0, 0, 0},
          drm_mode_create_dumb{UINT32_MAX, UINT32_MAX, 32, 0, 0, 0, 0}}) {
        drm_mode_create_dumb dumb = wrong;
        EXPECT_EQ(-EINVAL, call(fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb));
    }
    const std::uint32_t handle = make_dumb();
    EXPECT_GE(pitch, 4096u);
    drm_mode_map_dumb map{handle + 1, 0, 0};
    EXPECT_EQ(-ENOENT, call(fd, DRM_IOCTL_MODE_MAP_DUMB, &map));
    drm_mode_destroy_dumb gone{handle};
    EXPECT_EQ(0, call(fd, DRM_IOCTL_MODE_DESTROY_DUMB, &gone));
    EXPECT_EQ(-EINVAL, call(fd, DRM_IOCTL_MODE_DESTROY_DUMB, &gone));
    drm_gem_close close{handle, 0};
    EXPECT_EQ(-EINVAL, call(fd, DRM_IOCTL_GEM_CLOSE, &close));
}

TEST_F(IoctlTest, FramebuffersThatCannotBeAreRefused)
{
    const std::uint32_t handle = make_dumb();
    const auto add = [&](auto change) {
        drm_mode_fb_cmd2 fb = fb_command(handle);
        change(fb);
        return call(fd, DRM_IOCTL_MODE_ADDFB2, &fb);
    };
    EXPECT_EQ(0, add([](auto&) {}));
    EXPECT_EQ(-EINVAL, add([](auto& fb) { fb.handles[0] = 0; }));
    EXPECT_EQ(-ENOENT, add([](auto& fb) { fb.handles[0] += 100; }));
    EXPECT_EQ(-EINVAL, add([](auto& fb) { fb.pixel_format = 0; }));
    EXPECT_EQ(-EINVAL, add([](auto& fb) { fb.width = 0; }));
    EXPECT_EQ(-EINVAL, add([](auto& fb) { fb.width = 9000; }));
    EXPECT_EQ(-EINVAL, add([](auto& fb) { fb.pitches[0] = 4095; }));
    EXPECT_EQ(-EINVAL, add([](auto& fb) { fb.height = 769; }));
    EXPECT_EQ(-EINVAL, add([](auto& fb) { fb.offsets[0] = 1; }));
    EXPECT_EQ(-EINVAL, add([](auto& fb) { fb.offsets[0] = UINT32_MAX; }));
    EXPECT_EQ(-EINVAL, add([](auto& fb) { fb.handles[1] = 1; }));
    EXPECT_EQ(-EINVAL, add([](auto& fb) { fb.flags = 1u << 31; }));
    EXPECT_EQ(-EINVAL, add([](auto& fb) { fb.modifier[0] = 5; })) << "without the flag";
    EXPECT_EQ(-EINVAL, add([](auto& fb) { fb.flags = DRM_MODE_FB_MODIFIERS, fb.modifier[0] = 5; }));
    EXPECT_EQ(0, add([](auto& fb) { fb.flags = DRM_MODE_FB_MODIFIERS; })) << "linear";
    drm_mode_fb_cmd old{};
    old.width = 1024;
    old.height = 768;
    old.pitch = pitch;
    old.bpp = 24;
    old.depth = 24;
    old.handle = handle;
    EXPECT_EQ(-EINVAL, call(fd, DRM_IOCTL_MODE_ADDFB, &old));
}

TEST_F(IoctlTest, AFramebufferIsItsOwnersToRemove)
{
    std::uint32_t id = make_fb();
    const int other = open_card();
    ASSERT_GE(other, 0);
    EXPECT_EQ(-ENOENT, call(other, DRM_IOCTL_MODE_RMFB, &id));
    drm_mode_fb_cmd get{};
    get.fb_id = id;
    EXPECT_EQ(0, call(other, DRM_IOCTL_MODE_GETFB, &get));
    EXPECT_EQ(1024u, get.width);
    EXPECT_EQ(24u, get.depth);
    EXPECT_EQ(geteuid() == 0, get.handle != 0) << "a handle is for the master and root";
    EXPECT_EQ(0, call(fd, DRM_IOCTL_MODE_RMFB, &id));
    EXPECT_EQ(-ENOENT, call(fd, DRM_IOCTL_MODE_RMFB, &id));
    EXPECT_EQ(-ENOENT, call(fd, DRM_IOCTL_MODE_GETFB, &get));
    shim_close(other);
}

TEST_F(IoctlTest, BlobsAreTheirOwnersToDestroy)
{
    char text[] = "blob";
    drm_mode_create_blob blob{address(text), 0, 0};
    EXPECT_EQ(-EINVAL, call(fd, DRM_IOCTL_MODE_CREATEPROPBLOB, &blob));
    blob.length = sizeof text;
    ASSERT_EQ(0, call(fd, DRM_IOCTL_MODE_CREATEPROPBLOB, &blob));
    char back[sizeof text] = {};
    drm_mode_get_blob get{blob.blob_id, 1, address(back)};
    EXPECT_EQ(0, call(fd, DRM_IOCTL_MODE_GETPROPBLOB, &get));
    EXPECT_EQ(sizeof text, get.length);
    EXPECT_EQ('\0', back[0]) << "not as long as it is: only the length is told";
    EXPECT_EQ(0, call(fd, DRM_IOCTL_MODE_GETPROPBLOB, &get));
    EXPECT_STREQ(text, back);
    const int other = open_card();
    ASSERT_GE(other, 0);
    drm_mode_destroy_blob gone{blob.blob_id};
    EXPECT_EQ(-EPERM, call(other, DRM_IOCTL_MODE_DESTROYPROPBLOB, &gone));
    EXPECT_EQ(0, call(fd, DRM_IOCTL_MODE_DESTROYPROPBLOB, &gone));
    EXPECT_EQ(-ENOENT, call(fd, DRM_IOCTL_MODE_DESTROYPROPBLOB, &gone));
    EXPECT_EQ(-ENOENT, call(fd, DRM_IOCTL_MODE_GETPROPBLOB, &get));
    shim_close(other);
}

TEST_F(IoctlTest, TheCursorAndOverlayPlanesAreThereForWhoAsks)
{
    drm_mode_get_plane_res planes{};
    EXPECT_EQ(0, call(fd, DRM_IOCTL_MODE_GETPLANERESOURCES, &planes));
    EXPECT_EQ(1u, planes.count_planes);
    EXPECT_EQ(-EINVAL, set_cap(DRM_CLIENT_CAP_UNIVERSAL_PLANES, 2));
    EXPECT_EQ(-EINVAL, set_cap(DRM_CLIENT_CAP_WRITEBACK_CONNECTORS, 1));
    EXPECT_EQ(0, set_cap(DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1));
    planes = {};
    EXPECT_EQ(0, call(fd, DRM_IOCTL_MODE_GETPLANERESOURCES, &planes));
    EXPECT_EQ(3u, planes.count_planes);
}

TEST_F(IoctlTest, SetCrtcAndPageFlip)
{
    const std::uint32_t fb = make_fb();
    drm_mode_modeinfo mode = first_mode();
    drm_mode_crtc_page_flip flip{40, fb, DRM_MODE_PAGE_FLIP_EVENT, 0, 0};
    EXPECT_EQ(-EBUSY, call(fd, DRM_IOCTL_MODE_PAGE_FLIP, &flip)) << "it is dark";
    EXPECT_EQ(-ENOENT, set_crtc(fb + 100, mode));
    drm_mode_modeinfo larger = mode;
    larger.hdisplay = 1040;
    EXPECT_EQ(-ENOSPC, set_crtc(fb, larger));
    drm_mode_modeinfo wrong = mode;
    wrong.htotal = 3;
    EXPECT_EQ(-EINVAL, set_crtc(fb, wrong));
    EXPECT_EQ(0, set_crtc(fb, mode));
    EXPECT_TRUE(displays->is_lit(0));
    drm_mode_crtc get{};
    get.crtc_id = 40;
    EXPECT_EQ(0, call(fd, DRM_IOCTL_MODE_GETCRTC, &get));
    EXPECT_EQ(fb, get.fb_id);
    EXPECT_EQ(0, std::memcmp(&mode, &get.mode, sizeof mode));
    drm_wait_vblank wait{}; // the flip of SETCRTC is over then
    wait.request.type = _DRM_VBLANK_RELATIVE;
    wait.request.sequence = 1;
    EXPECT_EQ(0, call(fd, DRM_IOCTL_WAIT_VBLANK, &wait));
    const std::uint32_t before = wait.reply.sequence;
    EXPECT_EQ(0, call(fd, DRM_IOCTL_MODE_PAGE_FLIP, &flip));
    drm_event_vblank event{};
    EXPECT_EQ(ssize_t{sizeof event}, shim_read(fd, &event, sizeof event));
    EXPECT_GT(event.sequence, before);
    EXPECT_EQ(40u, event.crtc_id);
    flip.crtc_id = 41;
    EXPECT_EQ(-ENOENT, call(fd, DRM_IOCTL_MODE_PAGE_FLIP, &flip));
    flip = {40, fb, DRM_MODE_PAGE_FLIP_ASYNC, 0, 0};
    EXPECT_EQ(-EINVAL, call(fd, DRM_IOCTL_MODE_PAGE_FLIP, &flip));
    std::uint32_t id = fb;
    EXPECT_EQ(0, call(fd, DRM_IOCTL_MODE_RMFB, &id));
    EXPECT_FALSE(displays->is_lit(0)) << "what it showed is gone";
    EXPECT_EQ(-EINVAL, call(fd, DRM_IOCTL_WAIT_VBLANK, &wait));
}

TEST_F(IoctlTest, VblankEventsComeInOrderWithTheirSequence)
{
    ASSERT_EQ(0, set_crtc(make_fb(), first_mode()));
    drm_wait_vblank wait{};
    wait.request.type = _DRM_VBLANK_RELATIVE;
    wait.request.sequence = 0;
    ASSERT_EQ(0, call(fd, DRM_IOCTL_WAIT_VBLANK, &wait));
    const std::uint32_t now = wait.reply.sequence;
    for (const std::uint32_t ahead : {3u, 2u}) {
        drm_wait_vblank ask{};
        ask.request.type = static_cast<drm_vblank_seq_type>(_DRM_VBLANK_ABSOLUTE | _DRM_VBLANK_EVENT);
        ask.request.sequence = now + ahead;
        ask.request.signal = ahead;
        EXPECT_EQ(0, call(fd, DRM_IOCTL_WAIT_VBLANK, &ask));
    }
    std::uint32_t last = 0;
    for (int i = 0; i < 2; ++i) {
        drm_event_vblank event{};
        ASSERT_EQ(ssize_t{sizeof event}, shim_read(fd, &event, sizeof event));
        EXPECT_EQ(std::uint32_t{DRM_EVENT_VBLANK}, event.base.type);
        EXPECT_GE(event.sequence, now + event.user_data);
        EXPECT_GE(event.sequence, last);
        last = event.sequence;
    }
    wait.request.type = _DRM_VBLANK_SECONDARY;
    EXPECT_EQ(-EINVAL, call(fd, DRM_IOCTL_WAIT_VBLANK, &wait)) << "there is one CRTC";
}

TEST_F(IoctlTest, ATestOnlyCommitChangesNothingAndAWrongOneIsRefusedAsAWhole)
{
    const std::uint32_t fb = make_fb();
    drm_mode_modeinfo mode = first_mode();
    EXPECT_EQ(-EINVAL, atomic({}, 0)) << "for who has asked for it";
    ASSERT_EQ(0, set_cap(DRM_CLIENT_CAP_ATOMIC, 1));
    drm_mode_create_blob blob{address(&mode), sizeof mode, 0};
    ASSERT_EQ(0, call(fd, DRM_IOCTL_MODE_CREATEPROPBLOB, &blob));
    const std::vector<setting> light{{40, 5, 1},    {40, 6, blob.blob_id}, {42, 10, 40},
                                     {43, 9, fb},   {43, 10, 40},          {43, 13, 1024},
                                     {43, 14, 768}, {43, 17, 1024u << 16}, {43, 18, 768u << 16}};
    constexpr std::uint32_t test = DRM_MODE_ATOMIC_TEST_ONLY, modeset = DRM_MODE_ATOMIC_ALLOW_MODESET;
    EXPECT_EQ(-EINVAL, atomic(light, 0)) << "it would be a mode set";
    EXPECT_EQ(0, atomic(light, test | modeset));
    EXPECT_FALSE(displays->is_lit(0));
    EXPECT_EQ(0, atomic(light, modeset));
    EXPECT_TRUE(displays->is_lit(0));
    EXPECT_EQ(-EINVAL, atomic({}, test | DRM_MODE_PAGE_FLIP_EVENT));
    EXPECT_EQ(-EINVAL, atomic({}, 1u << 30));
    EXPECT_EQ(-ENOENT, atomic({{99, 5, 1}}, 0));
    EXPECT_EQ(-ENOENT, atomic({{40, 9, 1}}, 0)) << "a CRTC has no FB_ID";
    EXPECT_EQ(-EINVAL, atomic({{43, 7, 1}}, 0)) << "a plane's type is fixed";
    EXPECT_EQ(-EINVAL, atomic({{43, 9, 0}}, 0)) << "a CRTC without a framebuffer";
    EXPECT_EQ(-ENOSPC, atomic({{43, 17, 2048u << 16}}, 0));
    EXPECT_EQ(-ERANGE, atomic({{43, 13, 512}}, 0)) << "it cannot scale";
    EXPECT_EQ(0, atomic({{43, 11, static_cast<std::uint64_t>(-5)}}, DRM_MODE_PAGE_FLIP_EVENT));
    drm_event_vblank event{};
    EXPECT_EQ(ssize_t{sizeof event}, shim_read(fd, &event, sizeof event));
    EXPECT_EQ(std::uint32_t{DRM_EVENT_FLIP_COMPLETE}, event.base.type);
}

TEST_F(IoctlTest, PropertiesOutOfTheirRangeAreRefused)
{
    drm_mode_obj_set_property set{77, 3, 42, DRM_MODE_OBJECT_CONNECTOR};
    EXPECT_EQ(-EINVAL, call(fd, DRM_IOCTL_MODE_OBJ_SETPROPERTY, &set));
    set = {0, 1, 42, DRM_MODE_OBJECT_CONNECTOR};
    EXPECT_EQ(-EINVAL, call(fd, DRM_IOCTL_MODE_OBJ_SETPROPERTY, &set)) << "EDID is fixed";
    set = {0, 3, 42, DRM_MODE_OBJECT_CRTC};
    EXPECT_EQ(-ENOENT, call(fd, DRM_IOCTL_MODE_OBJ_SETPROPERTY, &set));
    drm_mode_get_property get{};
    get.prop_id = 999;
    EXPECT_EQ(-ENOENT, call(fd, DRM_IOCTL_MODE_GETPROPERTY, &get));
    drm_mode_obj_get_properties list{};
    list.obj_id = 41;
    EXPECT_EQ(-EINVAL, call(fd, DRM_IOCTL_MODE_OBJ_GETPROPERTIES, &list)) << "an encoder has none";
}

} // namespace
} // namespace vgpu::test
