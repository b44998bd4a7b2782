// SPDX-License-Identifier: MIT

#include <devres/kernel.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace devres {

namespace {

[[gnu::format(printf, 3, 0)]] void print(const device* dev, const char* error, const char* format,
                                         std::va_list args) noexcept
{
    char text[512];
    std::vsnprintf(text, sizeof text, format, args);
    const std::size_t length = std::strlen(text);
    if (length > 0 && text[length - 1] == '\n')
        text[length - 1] = '\0'; // the kernel's messages bring their own
    const device_driver* driver = dev ? dev_driver(dev) : nullptr;
    std::fprintf(stderr, "%s %s: %s%s%s\n", driver ? driver->name : "device", dev ? dev_name(dev) : "(null)",
                 error ? error : "", error ? ": " : "", text);
}

} // namespace

// NOLINTBEGIN(cert-dcl50-cpp): the kernel's interface
void dev_err(const device* dev, const char* format, ...) noexcept
{
    std::va_list args;
    va_start(args, format);
    print(dev, nullptr, format, args);
    va_end(args);
}

void dev_warn(const device* dev, const char* format, ...) noexcept
{
    std::va_list args;
    va_start(args, format);
    print(dev, nullptr, format, args);
    va_end(args);
}

void dev_info(const device* dev, const char* format, ...) noexcept
{
    std::va_list args;
    va_start(args, format);
    print(dev, nullptr, format, args);
    va_end(args);
}

int dev_err_probe(const device* dev, int err, const char* format, ...) noexcept
{
    if (err == -EPROBE_DEFER)
        return err;
    const char* name = ::strerrorname_np(err < 0 ? -err : err);
    char number[24];
    if (!name)
        std::snprintf(number, sizeof number, "error %d", err);
    std::va_list args;
    va_start(args, format);
    print(dev, name ? name : number, format, args);
    va_end(args);
    return err;
}
// NOLINTEND(cert-dcl50-cpp)

} // namespace devres
