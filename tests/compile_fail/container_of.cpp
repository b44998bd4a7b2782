// SPDX-License-Identifier: MIT
//
// container_of takes a pointer to the member it names, and keeps const.
#include <devres/devres.h>

using namespace devres;

struct owner {
    int number = 0;
    devres_head devres;
};

owner* good(devres_head* head)
{
    return container_of<&owner::devres>(head);
}
const owner* good_const(const devres_head* head)
{
    return container_of<&owner::devres>(head);
}

// CASE_WRONG_MEMBER: container_of: the pointer is not a pointer to that member
#ifdef CASE_WRONG_MEMBER
owner* wrong_member(devres_head* head)
{
    return container_of<&owner::number>(head);
}
#endif

// CASE_VOID_POINTER: container_of: the pointer is not a pointer to that member
#ifdef CASE_VOID_POINTER
owner* void_pointer(void* head)
{
    return container_of<&owner::devres>(head);
}
#endif

// CASE_CONST_LOST: invalid conversion|cannot (initialize|convert)
#ifdef CASE_CONST_LOST
owner* const_lost(const devres_head* head)
{
    return container_of<&owner::devres>(head);
}
#endif

// CASE_NO_MEMBER: (no matching function|incomplete type|implicit instantiation of undefined)
#ifdef CASE_NO_MEMBER
int global = 0;
owner* no_member(devres_head* head)
{
    return container_of<&global>(head);
}
#endif
