// SPDX-License-Identifier: MIT
//
// What must have been so, and whether it was. Not the place where anything is made to be so.
#pragma once

#include <string>
#include <vector>

#include "timeline.h"

namespace hotunplug {

class checks {
public:
    void expect(bool ok, std::string what);
    template <class T>
    void expect_equal(const std::string& what, const T& before, const T& after)
    {
        expect(before == after, what + ": " + std::to_string(before) + " -> " + std::to_string(after));
    }
    // In this order, and nothing else.
    void expect_order(const std::string& what, const std::vector<resource>& expected,
                      const std::vector<resource>& seen);

    // Prints one line each. Returns: true iff all were ok.
    bool print() const;

private:
    struct line {
        bool ok;
        std::string what;
    };
    std::vector<line> lines_;
};

// The resources of all entries of this kind, in order; of those under this heading, if one is given.
std::vector<resource> resources(event kind, const char* heading = nullptr);

} // namespace hotunplug
