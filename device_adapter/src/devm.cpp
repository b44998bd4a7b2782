// SPDX-License-Identifier: MIT
//
// The devm_* functions that cannot be inline, having variable arguments.

#include <cstdarg>

#include <devres/devm.h>

namespace devres {

char* devm_kasprintf(device* dev, gfp_t gfp, const char* format, ...) noexcept
{
    std::va_list args;
    va_start(args, format);
    char* s = devm_kvasprintf(dev, gfp, format, args);
    va_end(args);
    return s;
}

char* devm_kasprintf(device* dev, const char* format, ...) noexcept
{
    std::va_list args;
    va_start(args, format);
    char* s = devm_kvasprintf(dev, GFP_KERNEL, format, args);
    va_end(args);
    return s;
}

} // namespace devres
