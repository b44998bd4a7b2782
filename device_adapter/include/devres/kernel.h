// SPDX-License-Identifier: MIT
//
// Words of the kernel that drivers use beside devm_* and drmm_*, for code that is ported. Nothing of devres
// needs them. Where the kernel has a macro there is a function here, with the same name and the same use.
//
// Thread safety: any thread.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <devres/detail/report.h>
#include <devres/devm.h>

namespace devres {

// --- Errors in pointers ------------------------------------------------------------------------------------

inline constexpr std::uintptr_t MAX_ERRNO = 4095;

// What C's void* does by itself: converts to any pointer to an object.
class any_ptr {
public:
    any_ptr(void* p) noexcept : p_(p) {} // NOLINT(google-explicit-constructor): that is what it is for
    template <class T>
        requires(!std::is_function_v<T>)
    operator T*() const noexcept // NOLINT(google-explicit-constructor): as above
    {
        return static_cast<T*>(p_);
    }

private:
    void* p_;
};

inline any_ptr ERR_PTR(long error) noexcept
{
    return reinterpret_cast<void*>(error); // SAFETY: never followed; PTR_ERR takes it back
}
inline long PTR_ERR(const volatile void* p) noexcept
{
    return reinterpret_cast<long>(p);
}
inline bool IS_ERR(const volatile void* p) noexcept
{
    return reinterpret_cast<std::uintptr_t>(p) >= ~(MAX_ERRNO - 1);
}
inline bool IS_ERR_OR_NULL(const volatile void* p) noexcept
{
    return !p || IS_ERR(p);
}
inline int PTR_ERR_OR_ZERO(const volatile void* p) noexcept
{
    return IS_ERR(p) ? static_cast<int>(PTR_ERR(p)) : 0;
}
inline any_ptr ERR_CAST(const volatile void* p) noexcept
{
    return const_cast<void*>(p); // SAFETY: an error has no object to be const
}

// --- Small things ------------------------------------------------------------------------------------------

template <class T, std::size_t N>
constexpr std::size_t ARRAY_SIZE(const T (&)[N]) noexcept
{
    return N;
}
constexpr unsigned long BIT(unsigned n) noexcept
{
    return 1ul << n;
}

// --- Messages ----------------------------------------------------------------------------------------------

// Reports as the library reports misuse (see diagnostics.h), if `condition` holds.
// Returns:  `condition`.
inline bool WARN_ON(bool condition, const char* file = __builtin_FILE(), int line = __builtin_LINE()) noexcept
{
    if (condition) [[unlikely]]
        detail::warn("WARN_ON", nullptr, "at %s:%d", file, line);
    return condition;
}

// One line to stderr: "driver device: text".
[[gnu::format(printf, 2, 3)]] void dev_err(const device* dev, const char* format, ...) noexcept;
[[gnu::format(printf, 2, 3)]] void dev_warn(const device* dev, const char* format, ...) noexcept;
[[gnu::format(printf, 2, 3)]] void dev_info(const device* dev, const char* format, ...) noexcept;

// As dev_err, with the error's name in front; silent for -EPROBE_DEFER, which is tried again.
// Returns:  `err`, for `return dev_err_probe(dev, err, "no clock\n");`.
[[gnu::format(printf, 3, 4)]] int dev_err_probe(const device* dev, int err, const char* format, ...) noexcept;

inline constexpr int EPROBE_DEFER = 517;

} // namespace devres
