// SPDX-License-Identifier: MIT
//
// The compiler checks the arguments of kasprintf (A7).
#include <devres/devm.h>
#include <devres/drm_managed.h>

#pragma GCC diagnostic error "-Wformat"

using namespace devres;

struct session {
    devres_head devres;
};

char* good(device* dev, drm_device* drm, session* s, int n)
{
    char* text = devm_kasprintf(dev, GFP_KERNEL, "%s-%d", "irq", n);
    text = devm_kasprintf(dev, "%s-%d", "irq", n);
    text = drmm_kasprintf(drm, GFP_KERNEL, "%d", n);
    text = drmm_kasprintf(drm, "%d", n);
    text = managed::kasprintf(s, GFP_KERNEL, "%d", n);
    return text ? text : managed::kasprintf(s, "%d", n);
}

// CASE_DEVM_GFP: format.*(expects argument|specifies type)
#ifdef CASE_DEVM_GFP
char* devm_gfp(device* dev, int n)
{
    return devm_kasprintf(dev, GFP_KERNEL, "%s", n);
}
#endif

// CASE_DEVM: format.*(expects argument|specifies type)
#ifdef CASE_DEVM
char* devm(device* dev, int n)
{
    return devm_kasprintf(dev, "%s", n);
}
#endif

// CASE_DEVM_MISSING: format.*expects a matching|more '%' conversions than data arguments
#ifdef CASE_DEVM_MISSING
char* devm_missing(device* dev, int n)
{
    return devm_kasprintf(dev, GFP_KERNEL, "%d %d", n);
}
#endif

// CASE_DRMM_GFP: format.*(expects argument|specifies type)
#ifdef CASE_DRMM_GFP
char* drmm_gfp(drm_device* drm, const char* s)
{
    return drmm_kasprintf(drm, GFP_KERNEL, "%d", s);
}
#endif

// CASE_DRMM: format.*(expects argument|specifies type)
#ifdef CASE_DRMM
char* drmm(drm_device* drm, const char* s)
{
    return drmm_kasprintf(drm, "%d", s);
}
#endif

// CASE_MANAGED_GFP: format.*(expects argument|specifies type)
#ifdef CASE_MANAGED_GFP
char* managed_gfp(session* s, int n)
{
    return managed::kasprintf(s, GFP_KERNEL, "%s", n);
}
#endif

// CASE_MANAGED: format.*(expects argument|specifies type)
#ifdef CASE_MANAGED
char* managed_plain(session* s, int n)
{
    return managed::kasprintf(s, "%s", n);
}
#endif
