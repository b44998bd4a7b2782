// SPDX-License-Identifier: MIT
#include "trace.h"

#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <mutex>
#include <utility>

#include <unistd.h>

#include <devres/diagnostics.h>

#include "timeline.h"

namespace hotunplug {
namespace {

struct trace_event {
    std::int64_t ns;
    bool begins;
    std::string how; // ADD, REL or REM
    std::string owner;
    std::string owner_name;
    std::string name;
    std::size_t bytes;
    pid_t thread;
    std::size_t id; // of the resource: the same at its begin and its end
};

std::mutex lock;
std::vector<trace_event> events;                                                            // guarded by lock
std::map<std::pair<devres::devres_head*, std::string>, std::vector<std::size_t>> open_ones; // the same

std::string quoted(const std::string& text)
{
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            out += '\\';
        out += c;
    }
    return out + '"';
}

} // namespace

void trace_add(const char* op, devres::devres_head* head, const char* kind, const char* name,
               std::size_t size)
{
    const bool begins = std::strcmp(op, "ADD") == 0;
    const char* owner_name = devres::devres_owner_name(head);
    const std::lock_guard held(lock);
    // Of equal resources the newest goes first.
    std::vector<std::size_t>& open = open_ones[{head, std::string(kind) + name}];
    std::size_t id = events.size();
    if (begins) {
        open.push_back(id);
    } else if (!open.empty()) {
        id = open.back();
        open.pop_back();
    }
    events.push_back({timeline_now_ns(), begins, op, devres::devres_owner_kind(head),
                      owner_name ? owner_name : "", name, size, gettid(), id});
}

std::vector<bar> trace_bars()
{
    std::map<std::size_t, bar> bars;
    for (const trace_event& e : events) {
        if (e.begins)
            bars[e.id] = {e.owner, e.name, e.ns, std::numeric_limits<std::int64_t>::max()};
        else if (const auto found = bars.find(e.id); found != bars.end())
            found->second.to_ns = e.ns;
    }
    std::vector<bar> all;
    all.reserve(bars.size());
    for (auto& [id, b] : bars)
        all.push_back(std::move(b));
    return all;
}

bool trace_write_json(const std::string& path)
{
    std::map<std::string, std::size_t> tracks; // by owner
    std::ofstream file(path);
    file << "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [";
    const char* separator = "\n";
    for (const trace_event& e : events) {
        const std::string owner = e.owner + " \"" + e.owner_name + '"';
        const auto [track, is_new] = tracks.emplace(owner, tracks.size() + 1);
        if (is_new) {
            file << separator << R"({"ph": "M", "name": "process_name", "pid": )" << track->second
                 << R"(, "args": {"name": )" << quoted(owner) << "}}";
            separator = ",\n";
        }
        file << separator << R"({"ph": ")" << (e.begins ? 'b' : 'e') << R"(", "cat": "resource", "name": )"
             << quoted(e.name) << R"(, "pid": )" << track->second << R"(, "tid": )" << e.thread
             << R"(, "ts": )" << static_cast<double>(e.ns) / 1000 << R"(, "id": )" << e.id
             << R"(, "args": {"how": ")" << e.how << R"(", "bytes": )" << e.bytes << "}}";
    }
    file << "\n]}\n";
    file.close();
    return file.good();
}

} // namespace hotunplug
