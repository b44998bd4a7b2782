// SPDX-License-Identifier: MIT
//
// The proof of binding cannot be made, copied or kept (V10).
#include <utility>

#include <devres/devm.h>

using namespace devres;

// It can be passed on by reference, and the device* in it can be kept.
const char* passes_on(const bound_device& dev)
{
    struct keeper {
        device* dev;
    } kept{dev};
    device* also_kept = dev;
    return also_kept == kept.dev ? dev_name(dev) : nullptr;
}

// CASE_COPIED: (use of deleted function|call to deleted constructor|is private within|private member)
#ifdef CASE_COPIED
void copied(const bound_device& dev)
{
    auto copy = dev;
    (void)copy;
}
#endif

// CASE_MOVED: (use of deleted function|call to deleted constructor|is private within|private member)
#ifdef CASE_MOVED
void moved(bound_device& dev)
{
    auto copy = std::move(dev);
    (void)copy;
}
#endif

// CASE_ASSIGNED: (use of deleted function|overload resolution selected deleted operator)
#ifdef CASE_ASSIGNED
void assigned(bound_device& a, const bound_device& b)
{
    a = b;
}
#endif

// CASE_PASSED_BY_VALUE: (use of deleted function|call to deleted constructor|is private within|private)
#ifdef CASE_PASSED_BY_VALUE
void by_value(bound_device dev);
void passed_by_value(const bound_device& dev)
{
    by_value(dev);
}
#endif

// CASE_MADE_FROM_DEVICE: (no matching function|no matching constructor|is private within|private)
#ifdef CASE_MADE_FROM_DEVICE
void made(device* dev)
{
    bound_device forged(dev);
}
#endif

// CASE_MADE_LIKE_THE_LIBRARY: (is private within|private constructor|private destructor|private member)
#ifdef CASE_MADE_LIKE_THE_LIBRARY
void made_like_the_library(device* dev)
{
    bound_device forged(dev, nullptr);
}
#endif

// CASE_MADE_FROM_NOTHING: (no matching function|no matching constructor)
#ifdef CASE_MADE_FROM_NOTHING
bound_device forged;
#endif

// CASE_CONVERTED_FROM_DEVICE: (invalid initialization|no (known|viable) conversion|cannot convert)
#ifdef CASE_CONVERTED_FROM_DEVICE
const char* converted(device* dev)
{
    return passes_on(dev);
}
#endif

// CASE_ADDRESS_TAKEN: (use of deleted function|overload resolution selected deleted operator)
#ifdef CASE_ADDRESS_TAKEN
const bound_device* address_taken(const bound_device& dev)
{
    return &dev;
}
#endif

// CASE_STORED: (use of deleted function|call to deleted constructor|is private within|private)
#ifdef CASE_STORED
struct keeper {
    explicit keeper(const bound_device& dev) : kept(dev) {}
    bound_device kept;
};
#endif

// CASE_CAPTURED_BY_COPY: (use of deleted function|call to deleted constructor|private)
#ifdef CASE_CAPTURED_BY_COPY
auto captured(const bound_device& dev)
{
    return [dev] { return dev_name(dev); };
}
#endif

// CASE_DESTROYED: (is private within|private member)
#ifdef CASE_DESTROYED
void destroyed(bound_device& dev)
{
    dev.~bound_device();
}
#endif
