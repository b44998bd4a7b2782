// SPDX-License-Identifier: MIT
//
// devm_drm_dev_alloc<T> makes a T that is a drm_device (M4).
#include <devres/drm_device.h>

using namespace devres;

struct gpu : drm_device {
    explicit gpu(int model) : model_number(model) {}
    int model_number;
};

gpu* good(device* parent, const drm_driver* driver)
{
    return devm_drm_dev_alloc<gpu>(parent, driver, 3);
}

// CASE_NOT_DERIVED: devres: devm_drm_dev_alloc<T> needs a T derived from drm_device
#ifdef CASE_NOT_DERIVED
struct no_gpu {
    drm_device drm;
};
no_gpu* not_derived(device* parent, const drm_driver* driver)
{
    return devm_drm_dev_alloc<no_gpu>(parent, driver);
}
#endif

// CASE_DERIVED_PRIVATELY: devres: devm_drm_dev_alloc<T> needs a T derived from drm_device
#ifdef CASE_DERIVED_PRIVATELY
class secret_gpu : drm_device {};
secret_gpu* privately(device* parent, const drm_driver* driver)
{
    return devm_drm_dev_alloc<secret_gpu>(parent, driver);
}
#endif
