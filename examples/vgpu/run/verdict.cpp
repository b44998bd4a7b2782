// SPDX-License-Identifier: MIT
#include "verdict.h"

#include <cstring>

#include <sys/wait.h>

namespace vgpu {
namespace {

std::string describe(const call_counts& c)
{
    std::string text = std::to_string(c.all()) + (c.all() == 1 ? " call" : " calls") + " since";
    for (const auto& [error, count] : c.failed) {
        const char* name = strerrorname_np(error);
        text += ", " + (count == c.all() ? std::string("each") : std::to_string(count)) + " -" +
                (name ? name : std::to_string(error));
    }
    return text;
}

// What it said about it: the last line about a device that is gone, else about an error, else the last line.
std::string message_of(const client_process& client)
{
    const std::string& text = client.text();
    std::string line = client.last_line();
    for (const char* words : {"No such device", "ERROR", "rror:", "failed"}) {
        const std::size_t found = text.rfind(words);
        if (found == std::string::npos)
            continue;
        std::size_t begin = text.rfind('\n', found);
        begin = begin == std::string::npos ? 0 : begin + 1;
        line = text.substr(begin, text.find('\n', found) - begin);
        break;
    }
    for (char& c : line)
        if (static_cast<unsigned char>(c) < ' ')
            c = ' ';
    return line.empty() ? "no message" : "\"" + line.substr(0, 100) + "\"";
}

} // namespace

bool verdict::is_well() const
{
    return what == outcome::finished || what == outcome::went_on || what == outcome::ended;
}

const char* name_of(outcome what)
{
    switch (what) {
    case outcome::not_started:
        return "DID NOT RUN";
    case outcome::finished:
        return "finished before";
    case outcome::went_on:
        return "went on";
    case outcome::ended:
        return "ended";
    case outcome::hung:
        return "HUNG";
    case outcome::died:
        return "DIED";
    }
    return "";
}

verdict judge(const client_process& client, const observation& seen)
{
    const auto say = [&](outcome what, const std::string& text) {
        return verdict{client.name(), what, (seen.pressed ? "Enter was pressed; " : "") + text};
    };
    if (!client.has_started())
        return say(outcome::not_started, client.text());
    const std::string calls = describe(seen.since);
    if (seen.ended) {
        const int status = client.status();
        if (WIFSIGNALED(status)) {
            const char* name = sigabbrev_np(WTERMSIG(status));
            return say(outcome::died,
                       std::string("SIG") + (name ? name : "?") + "; " + message_of(client) + "; " + calls);
        }
        const std::string with = "status " + std::to_string(WEXITSTATUS(status));
        if (!seen.before)
            return say(outcome::ended, with + "; " + message_of(client) + "; " + calls);
        return WEXITSTATUS(status) ? say(outcome::not_started, with + "; " + message_of(client))
                                   : say(outcome::finished, with);
    }
    if (seen.lately.all() > 0)
        return say(outcome::went_on, calls);
    const auto inside = calls_under_way(client.pid());
    return say(outcome::hung,
               "in " + (inside.empty() ? client.system_call() : inside.front()) + "; " + calls);
}

} // namespace vgpu
