// SPDX-License-Identifier: MIT
//
// What happened, when, and in whose hands: one list that every process of the demo writes to.
//
// It lies in memory shared by all of them, made before the first fork. The checks at the end are made on
// this list, so what is printed is what was checked.
//
// Thread safety: any thread of any process may add entries at any time; read when they have ended.
// Invariant: entries of one thread stand in the order in which it made them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hotunplug {

// Who: a column of the picture.
using lane = int;
inline constexpr lane driver_lane = 0;
inline constexpr lane hardware_lane = 1;
constexpr lane client_lane(int number)
{
    return hardware_lane + number;
} // clients count from 1

// What the driver takes, in the order in which it does: each lies inside the ones before it.
enum class resource : std::uint8_t {
    device, // taken by who plugs it in
    drm_device,
    memfd,
    mapping,
    line,
    eventfd,
    reader,
    capture,
    registration,
};
inline constexpr int resource_count = 9;
const char* name_of(resource which);

enum class event : std::uint8_t { note, heading, taken, released, failed, opened, closed, gone, wrong };

struct entry {
    std::int64_t ns;
    lane who;
    event kind;
    resource which; // of taken, released and failed
    char text[96];
};

// Call once, before anything is added and before the first fork.
void timeline_start();

// Since timeline_start().
std::int64_t timeline_now_ns();

// Adds an entry, now. Longer text is cut; what does not fit into the list is counted and reported at the end.
[[gnu::format(printf, 2, 3)]] void note(lane who, const char* format, ...);
[[gnu::format(printf, 3, 4)]] void mark(lane who, event kind, const char* format, ...);

// Entries of the driver about one resource.
void taken(resource which, const char* text);
void released(resource which, const char* text);
void failed(resource which, const char* text);

// Everything so far: in the order of adding, or of time. Empty if the list was too short.
std::vector<entry> timeline_entries();
std::vector<entry> timeline_by_time();

// The timeline as a table on stdout, and as a picture.
void timeline_print();
// Returns: false if the file cannot be written.
bool timeline_write_svg(const std::string& path, const std::string& title, int clients);
std::string name_of_lane(lane who);

} // namespace hotunplug
