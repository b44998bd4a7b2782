// SPDX-License-Identifier: MIT
#include "notice.h"

#include <map>

#include "process.h"

namespace hotunplug {
namespace {

connection& way()
{
    static connection both = connect_pair();
    return both;
}

} // namespace

void notices_start()
{
    way();
}

void notify(notice what)
{
    send(way().theirs.get(), what);
}

bool await_notices(notice what, int count)
{
    static std::map<notice, int> waiting; // only the main thread comes here
    while (waiting[what] < count) {
        notice heard{};
        if (!receive(way().ours.get(), &heard))
            return false;
        ++waiting[heard];
    }
    waiting[what] -= count;
    return true;
}

} // namespace hotunplug
