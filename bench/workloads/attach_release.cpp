// SPDX-License-Identifier: MIT
#include "workloads/attach_release.h"

#include "subjects/all_subjects.h"

namespace bench {

namespace {

const bool registered = [] {
    for_each_attach_subject([]<class Subject>() { add_attach_release<Subject>(); });
    // A device or drm_device is more than a head; `managed` is as bare as the others.
    for_each_bare_head([]<class Subject>() { add_first_resource<Subject>(); });
    return true;
}();

} // namespace

} // namespace bench
