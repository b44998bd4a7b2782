// SPDX-License-Identifier: MIT
//
// Actions are checked against their data and their owner (A1): the objection that stopped this refactor in
// 2020.
#include <devres/devm.h>
#include <devres/drm_managed.h>

using namespace devres;

struct foo {
    int value = 0;
};
struct bar {
    int value = 0;
};
struct session {
    devres_head devres;
};
struct gpu : drm_device {};

void free_foo(foo* f);
void read_foo(const foo* f);
void free_anything(void* p);
void with_device(device* dev, foo* f);
void with_session(session* s, foo* f);
void with_gpu(gpu* g, foo* f);
void with_proof(const bound_device& dev, foo* f);
int three(foo* a, foo* b, foo* c);
void with_flag(bool enabled, foo* f);
void with_memory(void* block, foo* f);
void with_label(foo* f, const char* label, int flags);

// The right form of each call.
int good(device* dev, const bound_device& bound, drm_device* drm, gpu* g, session* s, foo* f, bar* b)
{
    int err = devm_add_action(dev, free_foo, f);
    err |= devm_add_action(dev, free_foo, nullptr);
    err |= devm_add_action(dev, read_foo, f);
    err |= devm_add_action(dev, free_anything, b);
    err |= devm_add_action(dev, with_device, f);
    err |= devm_add_action(bound, with_proof, f);
    err |= devm_add_action(bound, with_device, f);
    err |= devm_add_action(
        dev, [](foo* data) { data->value = 1; }, f);
    err |= devm_add_action(dev, [f] { f->value = 1; });
    err |= drmm_add_action(drm, free_foo, f);
    err |= drmm_add_action(g, with_gpu, f);
    err |= managed::add_action(s, with_session, f);
    err |= devm_remove_action(dev, free_foo, f);
    err |= devm_release_action(dev, read_foo, f);
    return err;
}

// CASE_OWNER_AS_BOOL: devres: this owner is not what the action takes as its first parameter
#ifdef CASE_OWNER_AS_BOOL
int owner_as_bool(session* s, foo* f)
{
    return managed::add_action(s, with_flag, f);
}
#endif

// CASE_OWNER_AS_MEMORY: devres: this owner is not what the action takes as its first parameter
#ifdef CASE_OWNER_AS_MEMORY
int owner_as_memory(device* dev, foo* f)
{
    return devm_add_action(dev, with_memory, f);
}
#endif

// CASE_LABEL_AS_PLACE: devres: an action is a function
#ifdef CASE_LABEL_AS_PLACE
int label_as_place(session* s, foo* f)
{
    return managed::add_action(s, with_label, f);
}
#endif

// CASE_WRONG_DATA: devres: the data is not what the action takes
#ifdef CASE_WRONG_DATA
int wrong_data(device* dev, bar* b)
{
    return devm_add_action(dev, free_foo, b);
}
#endif

// CASE_WRONG_DATA_OR_RESET: devres: the data is not what the action takes
#ifdef CASE_WRONG_DATA_OR_RESET
int wrong_data_or_reset(device* dev, bar* b)
{
    return devm_add_action_or_reset(dev, free_foo, b);
}
#endif

// CASE_WRONG_DATA_DRMM: devres: the data is not what the action takes
#ifdef CASE_WRONG_DATA_DRMM
int wrong_data_drmm(drm_device* drm, bar* b)
{
    return drmm_add_action(drm, free_foo, b);
}
#endif

// CASE_WRONG_DATA_OWN_OWNER: devres: the data is not what the action takes
#ifdef CASE_WRONG_DATA_OWN_OWNER
int wrong_data_session(session* s, bar* b)
{
    return managed::add_action(s, free_foo, b);
}
#endif

// CASE_WRONG_DATA_REMOVE: devres: the data is not what the action takes
#ifdef CASE_WRONG_DATA_REMOVE
int wrong_data_remove(device* dev, bar* b)
{
    return devm_remove_action(dev, free_foo, b);
}
#endif

// CASE_WRONG_DATA_RELEASE: devres: the data is not what the action takes
#ifdef CASE_WRONG_DATA_RELEASE
int wrong_data_release(drm_device* drm, bar* b)
{
    return drmm_release_action(drm, free_foo, b);
}
#endif

// CASE_WRONG_DATA_LAMBDA: devres: the data is not what the action takes
#ifdef CASE_WRONG_DATA_LAMBDA
int wrong_data_lambda(device* dev, bar* b)
{
    return devm_add_action(
        dev, [](foo* f) { f->value = 1; }, b);
}
#endif

// CASE_CONST_DATA: devres: the data is not what the action takes
#ifdef CASE_CONST_DATA
int const_data(device* dev, const foo* f)
{
    return devm_add_action(dev, free_foo, f);
}
#endif

// CASE_DATA_BY_VALUE: devres: the data is not what the action takes
#ifdef CASE_DATA_BY_VALUE
int data_by_value(device* dev, foo f)
{
    return devm_add_action(dev, free_foo, f);
}
#endif

// CASE_WRONG_OWNER_DEVICE: devres: this owner is not what the action takes as its first parameter
#ifdef CASE_WRONG_OWNER_DEVICE
int wrong_owner_device(device* dev, foo* f)
{
    return devm_add_action(dev, with_session, f);
}
#endif

// CASE_WRONG_OWNER_DRM: devres: this owner is not what the action takes as its first parameter
#ifdef CASE_WRONG_OWNER_DRM
int wrong_owner_drm(drm_device* drm, foo* f)
{
    return drmm_add_action(drm, with_device, f);
}
#endif

// An action on the driver's subclass cannot be attached to just any drm_device.
// CASE_PLAIN_DRM_FOR_SUBCLASS: devres: this owner is not what the action takes as its first parameter
#ifdef CASE_PLAIN_DRM_FOR_SUBCLASS
int plain_drm(drm_device* drm, foo* f)
{
    return drmm_add_action(drm, with_gpu, f);
}
#endif

// CASE_WRONG_OWNER_SESSION: devres: this owner is not what the action takes as its first parameter
#ifdef CASE_WRONG_OWNER_SESSION
int wrong_owner_session(session* s, foo* f)
{
    return managed::add_action(s, with_device, f);
}
#endif

// V10: an action that takes the proof of binding can be attached with the proof only.
// CASE_PROOF_FROM_DEVICE: devres: this owner is not what the action takes as its first parameter
#ifdef CASE_PROOF_FROM_DEVICE
int proof_from_device(device* dev, foo* f)
{
    return devm_add_action(dev, with_proof, f);
}
#endif

// CASE_PROOF_FROM_DEVICE_OR_RESET: devres: this owner is not what the action takes as its first parameter
#ifdef CASE_PROOF_FROM_DEVICE_OR_RESET
int proof_from_device_or_reset(device* dev, foo* f)
{
    return devm_add_action_or_reset(dev, with_proof, f);
}
#endif

// CASE_PROOF_FROM_DRM: devres: this owner is not what the action takes as its first parameter
#ifdef CASE_PROOF_FROM_DRM
int proof_from_drm(drm_device* drm, foo* f)
{
    return drmm_add_action(drm, with_proof, f);
}
#endif

// CASE_LAMBDA_WITH_CAPTURES_AND_DATA: devres: an action is a function \(or a lambda without captures\)
#ifdef CASE_LAMBDA_WITH_CAPTURES_AND_DATA
int lambda_with_captures(device* dev, foo* f, bar* b)
{
    return devm_add_action(
        dev, [b](foo* data) { data->value = b->value; }, f);
}
#endif

// CASE_TOO_MANY_PARAMETERS: devres: an action is a function \(or a lambda without captures\)
#ifdef CASE_TOO_MANY_PARAMETERS
int too_many(device* dev, foo* f)
{
    return devm_add_action(dev, three, f);
}
#endif

// CASE_NO_OWNER: (no matching function|constraints not satisfied)
#ifdef CASE_NO_OWNER
int no_owner(foo* f)
{
    return managed::add_action(f, free_foo, f);
}
#endif

// CASE_DRMM_ON_DEVICE: (no matching function|constraints not satisfied)
#ifdef CASE_DRMM_ON_DEVICE
int drmm_on_device(device* dev, foo* f)
{
    return drmm_add_action(dev, free_foo, f);
}
#endif

// CASE_RESULT_IGNORED: (nodiscard|ignoring return value)
#ifdef CASE_RESULT_IGNORED
#pragma GCC diagnostic error "-Wunused-result"
void result_ignored(device* dev, foo* f)
{
    devm_add_action(dev, free_foo, f);
}
#endif

// CASE_HEAD_IN_VIRTUAL_BASE: devres: this owner has its head in a virtual base, from which no way leads to it
#ifdef CASE_HEAD_IN_VIRTUAL_BASE
struct has_head {
    devres_head devres;
};
struct late : virtual has_head {};
int head_in_virtual_base(late* owner)
{
    return managed::add_action(
        owner, [](late*, int*) {}, static_cast<int*>(nullptr));
}
#endif
