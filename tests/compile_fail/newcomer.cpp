// SPDX-License-Identifier: MIT
//
// What people get wrong in their first hour, and the line that the compiler answers.
#include <memory>
#include <string>

#include <devres/devm.h>
#include <devres/devres_ptr.h>
#include <devres/drm_managed.h>
#include <devres/posix.h>

using namespace devres;

struct file {
    int fd = -1;
    void close();
};
struct plain {
    int value;
};
struct alignas(64) wide {
    int value;
};
struct headless {
    int value = 0;
};
struct session {
    devres_head devres;
};
struct hidden_head {
private:
    devres_head devres;
};

void close_file(file* f);
int my_probe(const bound_device& dev);
int probe_in_c(device* dev);

// The right form of each.
int good(device* dev, const bound_device& bound, drm_device* drm, session* s, file* f, int fd)
{
    int err = devm_add_action(dev, close_file, f);
    err |= devm_add_action<close_file>(dev, f);
    err |= devm_add_action(dev, [fd] { static_cast<void>(fd); });
    err |= devm_add_action(dev, [f] { f->close(); });
    err |= managed::add_action(s, close_file, f);
    err |= managed::add_action(bound, close_file, f);
    err |= managed::adopt(s, std::make_unique<file>());
    devres_ptr<file> handle;
    err |= devres_ptr<file>::create(bound, &handle);
    const device_driver driver{"good", &my_probe, nullptr};
    err |= device_driver_attach(&driver, dev);
    return err || !devm_kzalloc<plain>(dev) || !devm_new<std::string>(dev, "x") || !devm_new<wide>(dev) ||
           !drmm_kasprintf(drm, "%d", fd);
}

// 1. The data is of another type.
// CASE_01_WRONG_DATA: devres: the data is not what the action takes
#ifdef CASE_01_WRONG_DATA
int mistake(device* dev, plain* p)
{
    return devm_add_action(dev, close_file, p);
}
#endif

// 2. A callable without data that wants some.
// CASE_02_LAMBDA_WITH_ARGUMENTS: attached without data is called without arguments.*\[fd\] \{ close\(fd\); \}
#ifdef CASE_02_LAMBDA_WITH_ARGUMENTS
int mistake(device* dev)
{
    return devm_add_action(dev, [](file* f) { f->close(); });
}
#endif

// 3. A lambda with captures, and data.
// CASE_03_CAPTURES_AND_DATA: devres: an action is a function.*what captures.*\[fd\] \{ close\(fd\); \}
#ifdef CASE_03_CAPTURES_AND_DATA
int mistake(device* dev, file* f, int fd)
{
    return devm_add_action(
        dev, [fd](file* x) { x->fd = fd; }, f);
}
#endif

// 4. A member function.
// CASE_04_MEMBER_FUNCTION: devres: an action is a function.*member function.*\[fd\] \{ close\(fd\); \}
#ifdef CASE_04_MEMBER_FUNCTION
int mistake(device* dev, file* f)
{
    return devm_add_action(dev, &file::close, f);
}
#endif

// 5. An owner without a head.
// CASE_05_OWNER_WITHOUT_HEAD: managed_owner
#ifdef CASE_05_OWNER_WITHOUT_HEAD
int mistake(headless* h, file* f)
{
    return managed::add_action(h, close_file, f);
}
#endif

// 6. The head is private.
// CASE_06_PRIVATE_HEAD: managed_owner
#ifdef CASE_06_PRIVATE_HEAD
int mistake(hidden_head* h, file* f)
{
    return managed::add_action(h, close_file, f);
}
#endif

// 7. The owner itself instead of a pointer to it.
// CASE_07_OWNER_BY_REFERENCE: managed_owner_ref
#ifdef CASE_07_OWNER_BY_REFERENCE
int mistake(session& s, file* f)
{
    return managed::add_action(s, close_file, f);
}
#endif

// 8. A result that must not be ignored.
// CASE_08_RESULT_IGNORED: (nodiscard.*devm_add_action|ignoring return value)
#ifdef CASE_08_RESULT_IGNORED
#pragma GCC diagnostic error "-Wunused-result"
void mistake(device* dev, file* f)
{
    devm_add_action(dev, close_file, f);
}
#endif

// 9. The proof of binding is kept.
// CASE_09_PROOF_COPIED: (deleted|private).*bound_device
#ifdef CASE_09_PROOF_COPIED
bound_device mistake(const bound_device& dev)
{
    return dev;
}
#endif

// 10. A container for a device that may not be bound.
// CASE_10_CONTAINER_WITHOUT_PROOF: bound_device
#ifdef CASE_10_CONTAINER_WITHOUT_PROOF
int mistake(device* dev, devres_ptr<file>* out)
{
    return devres_ptr<file>::create(dev, out);
}
#endif

// 11. A probe as it is in C.
// CASE_11_PROBE_TAKES_DEVICE: (invalid conversion|cannot initialize).*bound_device
#ifdef CASE_11_PROBE_TAKES_DEVICE
const device_driver mistake{"mistake", &probe_in_c, nullptr};
#endif

// 12. Memory of a type that has a constructor.
// CASE_12_KZALLOC_OF_A_CLASS: devres: memory by type is for plain types.*managed::create<T>
#ifdef CASE_12_KZALLOC_OF_A_CLASS
std::string* mistake(device* dev)
{
    return devm_kzalloc<std::string>(dev);
}
#endif

// 13. Memory of an over-aligned type.
// CASE_13_KZALLOC_OVER_ALIGNED: devres: memory by type is aligned for fundamental types only
#ifdef CASE_13_KZALLOC_OVER_ALIGNED
wide* mistake(device* dev)
{
    return devm_kzalloc<wide>(dev);
}
#endif

// 14. An array as an object.
// CASE_14_NEW_OF_AN_ARRAY: devres: only single objects can be created
#ifdef CASE_14_NEW_OF_AN_ARRAY
void* mistake(device* dev)
{
    return devm_new<int[4]>(dev);
}
#endif

// 15. drmm_ on a device, which has another life.
// CASE_15_DRMM_ON_A_DEVICE: (cannot convert|no matching function).*(drm_device|drmm_kzalloc)
#ifdef CASE_15_DRMM_ON_A_DEVICE
void* mistake(device* dev)
{
    return drmm_kzalloc(dev, 8);
}
#endif

// 16. A format that does not fit its arguments.
// CASE_16_FORMAT: (expects argument of type|specifies type)
#ifdef CASE_16_FORMAT
#pragma GCC diagnostic error "-Wformat"
char* mistake(device* dev, int n)
{
    return devm_kasprintf(dev, "%s", n);
}
#endif

// 17. A handle is copied.
// CASE_17_HANDLE_COPIED: deleted.*devres_action|devres_action.*deleted
#ifdef CASE_17_HANDLE_COPIED
devres_action mistake(const devres_action& handle)
{
    return handle;
}
#endif

// 18. unique_ptr is handed over without std::move.
// CASE_18_ADOPT_WITHOUT_MOVE: no matching function for call to .*adopt
#ifdef CASE_18_ADOPT_WITHOUT_MOVE
int mistake(session* s, std::unique_ptr<file>& f)
{
    return managed::adopt(s, f);
}
#endif
