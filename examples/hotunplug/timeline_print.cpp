// SPDX-License-Identifier: MIT
//
// The timeline as a table: milliseconds, who, what. Resources are indented by what they lie inside of.
#include <algorithm>
#include <cstdio>

#include "timeline.h"

namespace hotunplug {
namespace {

void print_resource(const entry& e, char sign)
{
    const int depth = 2 * static_cast<int>(e.which);
    std::printf("%*s%c %-*s %s\n", depth, "", sign, 30 - depth, name_of(e.which), e.text);
}

void print_what(const entry& e)
{
    switch (e.kind) {
    case event::taken:
        return print_resource(e, '+');
    case event::released:
        return print_resource(e, '-');
    case event::failed:
        return print_resource(e, 'x');
    case event::wrong:
        std::printf("WRONG: %s\n", e.text);
        return;
    default:
        std::printf("%s\n", e.text);
    }
}

} // namespace

void timeline_print()
{
    std::printf("%9s  %-9s %s\n", "ms", "who", "what");
    for (const entry& e : timeline_by_time()) {
        if (e.kind == event::heading) {
            const int rest = std::max(0, 92 - static_cast<int>(std::char_traits<char>::length(e.text)));
            std::printf("\n%9s  %s %s\n", "", e.text,
                        std::string(static_cast<std::size_t>(rest), '-').c_str());
            continue;
        }
        std::printf("%9.3f  %-9s ", static_cast<double>(e.ns) / 1e6, name_of_lane(e.who).c_str());
        print_what(e);
    }
    std::puts("\n+ taken, - released, x not taken");
}

} // namespace hotunplug
