// SPDX-License-Identifier: MIT
#include "picture.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <fstream>
#include <map>

#include "../driver/lifetime.h"
#include "../server/trace.h"
#include "png.h"

namespace vgpu {
namespace {

constexpr int margin = 24, label_width = 150, plot_width = 720, row_height = 24, frame_width = 300,
              frame_height = 225;
constexpr char of_device[] = "#2b6cb0", of_drm[] = "#2f855a", red[] = "#c53030", ink[] = "#1a202c",
               faint[] = "#718096";

std::string base64(const std::vector<std::uint8_t>& in)
{
    static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < in.size(); i += 3) {
        const std::size_t n = std::min<std::size_t>(3, in.size() - i);
        std::uint32_t v = 0;
        for (std::size_t k = 0; k < 3; ++k)
            v = v << 8 | (k < n ? in[i + k] : 0u);
        for (std::size_t k = 0; k < 4; ++k)
            out += k <= n ? digits[v >> (18 - 6 * k) & 63] : '=';
    }
    return out;
}

std::string escaped(const std::string& text)
{
    std::string out;
    for (const char c : text)
        out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
    return out;
}

class drawing {
public:
    explicit drawing(const picture_data& data) : data_(data), calls_(traced_calls())
    {
        for (const lifetime_record& r : lifetimes())
            if (r.card == 0)
                bars_.push_back(r);
        begin_ = bars_.empty() ? 0 : bars_.front().begin_ns;
        end_ = begin_ + 1'000'000;
        for (const lifetime_record& r : bars_)
            end_ = std::max(end_, r.end_ns);
        for (const call_record& c : calls_)
            end_ = std::max(end_, c.end_ns);
        std::ranges::stable_sort(bars_, {}, &lifetime_record::begin_ns);
    }

    std::string draw()
    {
        const std::size_t rows = bars_.size() + data_.groups.size();
        plot_bottom_ = top() + static_cast<int>(rows) * row_height + 8;
        const int height = plot_bottom_ + 62 + static_cast<int>(data_.verdicts.size()) * 18;
        const int width = margin + label_width + plot_width + margin;
        print(R"(<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" )"
              R"(font-family="DejaVu Sans, sans-serif" font-size="13" fill="%s">)",
              width, height, width, height, ink);
        print(R"(<rect width="%d" height="%d" fill="#ffffff"/>)", width, height);
        draw_frames();
        int y = top();
        for (const lifetime_record& r : bars_)
            draw_bar(r, y), y += row_height;
        for (std::size_t i = 0; i < data_.groups.size(); ++i)
            draw_calls(i, y), y += row_height;
        draw_unplug();
        draw_words();
        print("</svg>");
        return std::move(out_);
    }

private:
    [[gnu::format(printf, 2, 3)]] void print(const char* format, ...)
    {
        char line[1024];
        std::va_list args;
        va_start(args, format);
        std::vsnprintf(line, sizeof line, format, args);
        va_end(args);
        out_.append(line).append("\n");
    }

    static int top() { return margin + frame_height + 60; }

    double x(std::int64_t at) const
    {
        const double share = static_cast<double>(at - begin_) / static_cast<double>(end_ - begin_);
        return margin + label_width + std::clamp(share, 0.0, 1.0) * plot_width;
    }

    void draw_frames()
    {
        const int left = margin + label_width, right = left + frame_width + 40, y = margin + 22;
        print(R"(<text x="%d" y="%d" font-weight="bold">the screen when the plug was pulled</text>)", left,
              margin + 10);
        print(R"(<rect x="%d" y="%d" width="%d" height="%d" fill="#000000"/>)", left, y, frame_width,
              frame_height);
        if (!data_.frame.rgb.empty()) {
            print(R"(<image x="%d" y="%d" width="%d" height="%d" href="data:image/png;base64,)", left, y,
                  frame_width, frame_height);
            out_.pop_back();
            out_ += base64(encode_png(data_.frame)) + "\"/>\n";
        }
        print(R"(<text x="%d" y="%d" font-weight="bold">afterwards</text>)", right, margin + 10);
        print(R"(<rect x="%d" y="%d" width="%d" height="%d" fill="#000000"/>)", right, y, frame_width,
              frame_height);
        print(R"(<text x="%d" y="%d" fill="#a0aec0" text-anchor="middle">no signal</text>)",
              right + frame_width / 2, y + frame_height / 2);
    }

    void label(int y, const std::string& text, const char* colour)
    {
        print(R"(<text x="%d" y="%d" text-anchor="end" fill="%s">%s</text>)", margin + label_width - 10,
              y + 12, colour, escaped(text).c_str());
    }

    void draw_bar(const lifetime_record& r, int y)
    {
        const char* colour = r.owner == owned_by::device ? of_device : of_drm;
        const double from = x(r.begin_ns), to = x(r.end_ns < 0 ? end_ : r.end_ns);
        label(y, r.what, colour);
        print(R"(<rect x="%.1f" y="%d" width="%.1f" height="14" rx="3" fill="%s"/>)", from, y,
              std::max(2.0, to - from), colour);
    }

    // Each pixel of the row that has a call in it: grey, or red if one of them failed with ENODEV.
    void draw_calls(std::size_t which, int y)
    {
        label(y, data_.verdicts[which].client, ink);
        print(R"(<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#e2e8f0"/>)", margin + label_width, y + 7,
              margin + label_width + plot_width, y + 7);
        std::map<int, bool> pixels;
        for (const call_record& c : calls_)
            if (c.group == data_.groups[which]) {
                bool& failed = pixels[static_cast<int>(x(c.end_ns))];
                failed = failed || c.result == -ENODEV;
            }
        for (const auto& [at, failed] : pixels)
            print(R"(<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="%s"/>)", at, y, at, y + 14,
                  failed ? red : "#4a5568");
    }

    void draw_unplug()
    {
        const double at = x(data_.unplug_ns);
        print(R"(<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s" stroke-width="2"/>)", at, top() - 14,
              at, plot_bottom_, red);
        print(R"(<text x="%.1f" y="%d" fill="%s" text-anchor="middle">unplugged</text>)", at, top() - 20,
              red);
    }

    void draw_words()
    {
        int y = plot_bottom_ + 16;
        const int left = margin + label_width;
        print(R"(<text x="%d" y="%d" fill="%s">0 s</text>)", left, y, faint);
        print(R"(<text x="%d" y="%d" fill="%s" text-anchor="end">%.1f s</text>)", left + plot_width, y, faint,
              static_cast<double>(end_ - begin_) / 1e9);
        y += 24;
        print(R"(<text x="%d" y="%d"><tspan fill="%s">the hardware's, gone at unbind</tspan>)"
              R"(  ·  <tspan fill="%s">the clients', gone at the last close</tspan>  ·  )"
              R"(calls: grey, <tspan fill="%s">or -ENODEV</tspan></text>)",
              left, y, of_device, of_drm, red);
        for (const verdict& v : data_.verdicts) {
            y += 18;
            std::string text = v.client + " " + name_of(v.what) + ": " + v.text;
            constexpr std::size_t most = 100; // characters, that there is room for
            if (text.size() > most)
                text = text.substr(0, most - 3) + "...";
            print(R"(<text x="%d" y="%d">%s</text>)", left, y, escaped(text).c_str());
        }
    }

    const picture_data& data_;
    const std::vector<call_record> calls_;
    std::vector<lifetime_record> bars_;
    std::int64_t begin_ = 0, end_ = 0;
    int plot_bottom_ = 0;
    std::string out_;
};

} // namespace

bool write_picture(const std::string& path, const picture_data& data)
{
    std::ofstream file(path);
    file << drawing(data).draw();
    file.close();
    return file.good();
}

} // namespace vgpu
