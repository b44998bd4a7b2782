// SPDX-License-Identifier: MIT
//
// What a client did when its display was unplugged.
#pragma once

#include <string>

#include "../server/trace.h"
#include "client_process.h"

namespace vgpu {

enum class outcome {
    not_started, // or it ended with an error before the plug was pulled
    finished,    // before the plug was pulled
    went_on,     // it runs, and calls
    ended,       // by itself
    hung,        // it runs, calls nothing, and waits for nothing that will come
    died,        // by a signal
};

struct verdict {
    std::string client;
    outcome what;
    std::string text;
    // Could whoever wrote the client be content?
    bool is_well() const;
};

// What was seen of a client.
struct observation {
    bool ended;         // it is not there any more
    bool before;        // it had ended before the plug was pulled
    bool pressed;       // it was quiet, so Enter was pressed for it
    call_counts since;  // its calls since the plug was pulled
    call_counts lately; // those of the last while
};
verdict judge(const client_process& client, const observation& seen);

const char* name_of(outcome what);

} // namespace vgpu
