// SPDX-License-Identifier: MIT
#include "checks.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

namespace hotunplug {
namespace {

std::string names(const std::vector<resource>& all)
{
    std::string text;
    for (const resource r : all)
        text.append(text.empty() ? "" : ", ").append(name_of(r));
    return text.empty() ? "none" : text;
}

} // namespace

void checks::expect(bool ok, std::string what)
{
    lines_.push_back({ok, std::move(what)});
}

void checks::expect_order(const std::string& what, const std::vector<resource>& expected,
                          const std::vector<resource>& seen)
{
    if (seen == expected)
        expect(true, what + ": " + names(seen));
    else
        expect(false, what + ": " + names(seen) + "; expected: " + names(expected));
}

bool checks::print() const
{
    std::puts("\nchecks");
    for (const line& l : lines_)
        std::printf("  %-5s  %s\n", l.ok ? "ok" : "WRONG", l.what.c_str());
    return std::ranges::all_of(lines_, &line::ok);
}

std::vector<resource> resources(event kind, const char* heading)
{
    std::vector<resource> found;
    bool inside = heading == nullptr;
    for (const entry& e : timeline_entries()) {
        if (e.kind == event::heading && heading)
            inside = std::strcmp(e.text, heading) == 0;
        if (inside && e.kind == kind)
            found.push_back(e.which);
    }
    return found;
}

} // namespace hotunplug
