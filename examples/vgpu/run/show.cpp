// SPDX-License-Identifier: MIT
#include "show.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include <sys/ioctl.h>
#include <unistd.h>

namespace vgpu {

void show(const image& screen)
{
    if (screen.rgb.empty())
        return;
    winsize window{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) || window.ws_col == 0)
        window.ws_col = 80, window.ws_row = 25;
    std::uint32_t columns = std::min<std::uint32_t>(window.ws_col, 160);
    std::uint32_t rows = columns * screen.height / screen.width / 2;
    if (rows + 2 > window.ws_row) {
        rows = window.ws_row > 3 ? window.ws_row - 2u : 1;
        columns = rows * 2 * screen.width / screen.height;
    }
    const auto colour = [&](std::uint32_t column, std::uint32_t row) {
        const std::size_t x = std::size_t{column} * screen.width / columns;
        const std::size_t y = std::size_t{row} * screen.height / (2 * rows);
        const std::uint8_t* p = &screen.rgb[3 * (y * screen.width + x)];
        return std::to_string(p[0]) + ";" + std::to_string(p[1]) + ";" + std::to_string(p[2]) + "m";
    };
    std::string out = "\x1b[H";
    for (std::uint32_t row = 0; row < rows; ++row) {
        for (std::uint32_t column = 0; column < columns; ++column)
            out.append("\x1b[38;2;" + colour(column, 2 * row) + "\x1b[48;2;" + colour(column, 2 * row + 1) +
                       "\u2580");
        out += "\x1b[0m\x1b[K\n";
    }
    std::fwrite(out.data(), 1, out.size(), stdout);
    std::fflush(stdout);
}

} // namespace vgpu
