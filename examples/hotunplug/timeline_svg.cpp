// SPDX-License-Identifier: MIT
//
// The timeline as a picture. Time runs downwards, one row for each entry: what happens within microseconds
// stays legible. From left to right: milliseconds; the driver's steps, each a bar from taken to released;
// thin, every resource of the library's log; a lane for everybody, thick while the hardware is plugged in or
// the client has its file open; the words.
//
// No two labels can overlap: each row has one, and the columns' heads are as steep as they are far apart.
#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>

#include "timeline.h"
#include "trace.h"

namespace hotunplug {
namespace {

constexpr int row_height = 20, heading_height = 38, head_height = 150, margin = 24;
constexpr int bars_x = 110, bar_step = 24, lane_step = 34, letter_width = 8; // 13px monospace is 7.8 wide
constexpr int thin_step = 13, longest_name = 24;
constexpr const char* green = "#2b8a3e"; // the drm_device's: until the last close
constexpr const char* blue = "#1971c2";  // the device's: until unbind

constexpr const char* ink = "#1f2933";
constexpr const char* faint = "#9aa5b1";
constexpr const char* red = "#c92a2a";
constexpr const char* lane_colours[] = {"#364fc7", "#a61e4d", "#087f5b", "#862e9c", "#b35c00",
                                        "#0b7285", "#5c940d", "#9c36b5", "#495057", "#d6336c"};

const char* colour_of(resource which)
{
    switch (which) {
    case resource::device:
        return "#868e96";
    case resource::drm_device:
    case resource::memfd:
    case resource::mapping:
        return green;
    default:
        return blue;
    }
}

std::string escaped(const std::string& text)
{
    std::string out;
    for (const char c : text)
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else
            out += c;
    return out;
}

class picture {
public:
    picture(std::vector<entry> entries, std::vector<bar> trace, int clients)
        : entries_(std::move(entries)), trace_(std::move(trace)), lanes_(2 + clients)
    {
        std::size_t longest = 0;
        int y = head_height + margin;
        for (const entry& e : entries_) {
            y += e.kind == event::heading ? heading_height : row_height;
            rows_.push_back(y);
            longest = std::max(longest, words(e).size());
        }
        end_ = y + row_height / 2;
        width_ = words_x() + static_cast<int>(longest) * letter_width + margin;
        height_ = end_ + 6 * row_height;
    }

    std::string draw(const std::string& title)
    {
        print(R"(<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" )"
              R"(font-family="DejaVu Sans Mono, monospace" font-size="13" fill="%s">)",
              width_, height_, width_, height_, ink);
        print(R"(<rect width="%d" height="%d" fill="#ffffff"/>)", width_, height_);
        text(margin, margin + 8, "font-size=\"18\" font-weight=\"bold\"", title);
        draw_heads();
        for (std::size_t i = 0; i < entries_.size(); ++i)
            draw_band(entries_[i], rows_[i]);
        draw_bars();
        draw_trace();
        draw_lanes();
        for (std::size_t i = 0; i < entries_.size(); ++i)
            draw_row(entries_[i], rows_[i]);
        draw_legend();
        print("</svg>");
        return std::move(out_);
    }

private:
    [[gnu::format(printf, 2, 3)]] void print(const char* format, ...)
    {
        char line[512];
        std::va_list args;
        va_start(args, format);
        std::vsnprintf(line, sizeof line, format, args);
        va_end(args);
        out_.append(line).append("\n");
    }

    void text(int x, int y, const char* attributes, const std::string& words)
    {
        print(R"(<text x="%d" y="%d" xml:space="preserve" %s>%s</text>)", x, y, attributes,
              escaped(words).c_str());
    }

    static int bar_x(resource which) { return bars_x + static_cast<int>(which) * bar_step; }
    static int thin_x(std::size_t n)
    {
        return bars_x + resource_count * bar_step + static_cast<int>(n) * thin_step;
    }
    int lane_x(lane who) const { return thin_x(trace_.size()) + 20 + who * lane_step; }
    int words_x() const { return lane_x(lanes_); }
    static const char* colour_of_lane(lane who) { return lane_colours[who % std::ssize(lane_colours)]; }

    static std::string words(const entry& e)
    {
        switch (e.kind) {
        case event::heading:
            return e.text;
        case event::taken:
            return std::string("+ ") + name_of(e.which) + ": " + e.text;
        case event::released:
            return std::string("- ") + name_of(e.which) + ": " + e.text;
        case event::failed:
            return std::string("x ") + name_of(e.which) + ": " + e.text;
        case event::wrong:
            return std::string("WRONG ") + e.text;
        default:
            return name_of_lane(e.who) + ": " + e.text;
        }
    }

    void draw_head(int x, const char* colour, const std::string& name)
    {
        print(R"-(<text transform="translate(%d %d) rotate(-60)" fill="%s">%s</text>)-", x + 4, head_height,
              colour, escaped(name).c_str());
    }

    // Without namespaces, and not longer than there is room.
    static std::string short_name(std::string name)
    {
        for (const char* word :
             {"(anonymous namespace)::", "{anonymous}::", "hotunplug::", "devres::", "posix::"})
            for (std::size_t at = 0; (at = name.find(word)) != std::string::npos;)
                name.erase(at, std::strlen(word));
        return name.size() <= longest_name ? name : name.substr(0, longest_name - 3) + "...";
    }

    void draw_heads()
    {
        text(margin + 32, head_height, "", "ms");
        for (int i = 0; i < resource_count; ++i)
            draw_head(bar_x(static_cast<resource>(i)), colour_of(static_cast<resource>(i)),
                      name_of(static_cast<resource>(i)));
        for (std::size_t n = 0; n < trace_.size(); ++n)
            print(R"-(<text transform="translate(%d %d) rotate(-60)" font-size="9" fill="%s">%s</text>)-",
                  thin_x(n) + 3, head_height, colour_of_owner(trace_[n]),
                  escaped(short_name(trace_[n].name)).c_str());
        for (lane who = 0; who < lanes_; ++who)
            draw_head(lane_x(who), colour_of_lane(who), name_of_lane(who));
    }

    static const char* colour_of_owner(const bar& b) { return b.owner == "drm_device" ? green : blue; }
    // The row of the last entry before that time.
    int row_at(std::int64_t ns) const
    {
        const auto next = std::ranges::upper_bound(entries_, ns, {}, &entry::ns);
        return next == entries_.begin() ? rows_.front()
                                        : rows_[static_cast<std::size_t>(next - entries_.begin()) - 1];
    }
    void draw_trace()
    {
        for (std::size_t n = 0; n < trace_.size(); ++n) {
            const int from = row_at(trace_[n].from_ns);
            print(R"(<rect x="%d" y="%d" width="5" height="%d" fill="%s" fill-opacity="0.6"/>)",
                  thin_x(n) - 2, from - 4, std::max(row_at(trace_[n].to_ns) - from, 2),
                  colour_of_owner(trace_[n]));
        }
    }

    void draw_band(const entry& e, int y)
    {
        if (e.kind == event::heading) {
            print(R"(<rect x="0" y="%d" width="%d" height="%d" fill="#edf2f7"/>)", y - row_height + 5, width_,
                  row_height);
        } else if (e.kind == event::gone) {
            print(R"(<rect x="0" y="%d" width="%d" height="%d" fill="#ffe3e3"/>)", y - row_height + 5, width_,
                  row_height);
        }
    }

    void draw_bars()
    {
        std::map<resource, int> since;
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            const entry& e = entries_[i];
            if (e.kind == event::taken)
                since[e.which] = rows_[i];
            if (e.kind != event::released || !since.contains(e.which))
                continue;
            draw_bar(e.which, since[e.which], rows_[i]);
            since.erase(e.which);
        }
        for (const auto& [which, from] : since) // leaked
            draw_bar(which, from, end_);
    }

    void draw_bar(resource which, int from, int to)
    {
        print(R"(<rect x="%d" y="%d" width="12" height="%d" rx="3" fill="%s"/>)", bar_x(which) - 6, from - 10,
              to - from + 11, colour_of(which));
    }

    void draw_lanes()
    {
        for (lane who = 0; who < lanes_; ++who)
            print(R"(<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="%s" stroke-dasharray="2 3"/>)",
                  lane_x(who), head_height + 8, lane_x(who), end_, faint);
        std::map<lane, int> since{{hardware_lane, head_height + 18}};
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            const entry& e = entries_[i];
            if (e.kind == event::opened)
                since[e.who] = rows_[i];
            if ((e.kind == event::closed || e.kind == event::gone) && since.contains(e.who)) {
                draw_presence(e.who, since[e.who], rows_[i]);
                since.erase(e.who);
            }
        }
        for (const auto& [who, from] : since)
            draw_presence(who, from, end_);
    }

    void draw_presence(lane who, int from, int to)
    {
        print(R"(<rect x="%d" y="%d" width="6" height="%d" fill="%s" fill-opacity="0.35"/>)", lane_x(who) - 3,
              from - 5, to - from, colour_of_lane(who));
    }

    void draw_row(const entry& e, int y)
    {
        if (e.kind == event::heading) {
            text(words_x(), y, "font-weight=\"bold\"", e.text);
            return;
        }
        char ms[32];
        std::snprintf(ms, sizeof ms, "%.3f", static_cast<double>(e.ns) / 1e6);
        print(R"(<text x="%d" y="%d" text-anchor="end" fill="#616e7c">%s</text>)", bars_x - 24, y, ms);

        const bool of_resource =
            e.kind == event::taken || e.kind == event::released || e.kind == event::failed;
        const int from = of_resource ? bar_x(e.which) : lane_x(e.who);
        print(R"(<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="%s" stroke-width="0.7"/>)", from, y - 4,
              words_x() - 6, y - 4, "#cbd2d9");
        if (e.kind == event::failed)
            print(R"(<path d="M%d %d l10 10 m0 -10 l-10 10" stroke="%s" stroke-width="3"/>)", from - 5, y - 9,
                  red);
        print(R"(<circle cx="%d" cy="%d" r="4" fill="%s"/>)", lane_x(e.who), y - 4, colour_of_lane(e.who));

        const bool bad = e.kind == event::failed || e.kind == event::wrong || e.kind == event::gone;
        const std::string colour = std::string("fill=\"") +
                                   (bad           ? red
                                    : of_resource ? colour_of(e.which)
                                                  : colour_of_lane(e.who)) +
                                   "\"";
        text(words_x(), y, colour.c_str(), words(e));
    }

    void draw_legend()
    {
        static constexpr struct {
            resource which;
            const char* meaning;
        } rows[] = {{resource::memfd, "green: the drm_device's, released at the last close"},
                    {resource::line, "blue: the device's, released at unbind"}};
        int y = end_ + row_height + 8;
        for (const auto& row : rows) {
            print(R"(<rect x="%d" y="%d" width="12" height="12" rx="3" fill="%s"/>)", bars_x - 6, y - 11,
                  colour_of(row.which));
            text(bars_x + 18, y, "", row.meaning);
            y += row_height;
        }
        text(bars_x + 18, y, "", "thin: every resource in the library's log");
        y += row_height;
        text(bars_x + 18, y, "", "thick lanes: the hardware is plugged in, the client has its file open");
    }

    std::vector<entry> entries_;
    std::vector<bar> trace_;
    std::vector<int> rows_; // the baseline of each entry
    lane lanes_;
    int end_ = 0;
    int width_ = 0;
    int height_ = 0;
    std::string out_;
};

} // namespace

bool timeline_write_svg(const std::string& path, const std::string& title, int clients)
{
    std::ofstream file(path);
    file << picture(timeline_by_time(), trace_bars(), clients).draw(title);
    file.close();
    return file.good();
}

} // namespace hotunplug
