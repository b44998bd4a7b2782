// SPDX-License-Identifier: MIT
#include "png.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

namespace vgpu {
namespace {

using bytes = std::vector<std::uint8_t>;

std::uint8_t low(std::uint32_t value)
{
    return static_cast<std::uint8_t>(value & 0xff);
}

void put32(bytes& to, std::uint32_t value)
{
    for (const int shift : {24, 16, 8, 0})
        to.push_back(low(value >> shift));
}

std::uint32_t crc(const std::uint8_t* data, std::size_t size)
{
    static constexpr auto table = [] {
        std::array<std::uint32_t, 256> t{};
        for (std::uint32_t n = 0; n < 256; ++n) {
            std::uint32_t c = n;
            for (int bit = 0; bit < 8; ++bit)
                c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
            t[n] = c;
        }
        return t;
    }();
    std::uint32_t c = 0xffffffff;
    for (std::size_t i = 0; i < size; ++i)
        c = table[(c ^ data[i]) & 0xff] ^ c >> 8;
    return ~c;
}

void put_chunk(bytes& to, std::string_view name, const bytes& content)
{
    put32(to, static_cast<std::uint32_t>(content.size()));
    const std::size_t start = to.size();
    to.insert(to.end(), name.begin(), name.end());
    to.insert(to.end(), content.begin(), content.end());
    put32(to, crc(&to[start], to.size() - start));
}

// Deflate with the fixed codes, and no other distance than 1.
class deflater {
public:
    explicit deflater(bytes& to) : to_(to)
    {
        bits(1, 1); // the last block
        bits(1, 2); // fixed codes
    }
    ~deflater()
    {
        code(256);
        if (used_)
            to_.push_back(low(pending_));
    }
    deflater(const deflater&) = delete;
    deflater& operator=(const deflater&) = delete;

    void run(std::uint8_t value, std::size_t count)
    {
        code(value);
        --count;
        while (count >= 3) {
            const std::size_t part = count > 258 && count < 261 ? 255 : std::min<std::size_t>(count, 258);
            repeat(part);
            count -= part;
        }
        for (; count > 0; --count)
            code(value);
    }

private:
    void bits(std::uint32_t value, int count) // the lowest first
    {
        pending_ |= value << used_;
        for (used_ += count; used_ >= 8; used_ -= 8) {
            to_.push_back(low(pending_));
            pending_ >>= 8;
        }
    }
    void huffman(std::uint32_t value, int count) // the highest first
    {
        for (int i = count - 1; i >= 0; --i)
            bits(value >> i & 1, 1);
    }
    void code(std::uint32_t symbol)
    {
        if (symbol < 144)
            huffman(0x30 + symbol, 8);
        else if (symbol < 256)
            huffman(0x190 + symbol - 144, 9);
        else if (symbol < 280)
            huffman(symbol - 256, 7);
        else
            huffman(0xc0 + symbol - 280, 8);
    }
    // The byte before, so many times: 3 to 258.
    void repeat(std::size_t count)
    {
        static constexpr std::size_t from[] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                               15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                               67, 83, 99, 115, 131, 163, 195, 227, 258};
        const auto* range = std::ranges::upper_bound(from, count) - 1;
        const auto symbol = static_cast<std::uint32_t>(range - from);
        code(257 + symbol);
        const int extra = symbol < 8 || symbol == 28 ? 0 : static_cast<int>(symbol) / 4 - 1;
        bits(static_cast<std::uint32_t>(count - *range), extra);
        huffman(0, 5); // the distance 1
    }

    bytes& to_;
    std::uint32_t pending_ = 0;
    int used_ = 0;
};

// Each row as its difference to the one above.
bytes filtered(const image& picture)
{
    const std::size_t row = std::size_t{3} * picture.width;
    bytes all;
    all.reserve((row + 1) * picture.height);
    for (std::uint32_t y = 0; y < picture.height; ++y) {
        all.push_back(y ? 2 : 1); // up; the first: left
        const std::uint8_t* now = &picture.rgb[y * row];
        const std::uint8_t* above = y ? now - row : nullptr;
        for (std::size_t x = 0; x < row; ++x)
            all.push_back(low(256u + now[x] - (above ? above[x] : x < 3 ? 0u : now[x - 3])));
    }
    return all;
}

bytes compressed(const bytes& raw)
{
    bytes out{0x78, 0x01};
    {
        deflater to(out);
        for (std::size_t i = 0; i < raw.size();) {
            std::size_t count = 1;
            while (i + count < raw.size() && raw[i + count] == raw[i])
                ++count;
            to.run(raw[i], count);
            i += count;
        }
    }
    std::uint32_t a = 1, b = 0;
    for (const std::uint8_t byte : raw) {
        a = (a + byte) % 65521;
        b = (b + a) % 65521;
    }
    put32(out, b << 16 | a);
    return out;
}

} // namespace

std::vector<std::uint8_t> encode_png(const image& picture)
{
    bytes out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    bytes head;
    put32(head, picture.width);
    put32(head, picture.height);
    head.insert(head.end(), {8, 2, 0, 0, 0}); // 8 bits, RGB
    put_chunk(out, "IHDR", head);
    put_chunk(out, "IDAT", compressed(filtered(picture)));
    put_chunk(out, "IEND", {});
    return out;
}

bool write_png(const std::string& path, const image& picture)
{
    if (picture.rgb.empty())
        return false;
    const bytes all = encode_png(picture);
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(all.data()),
               static_cast<std::streamsize>(all.size())); // SAFETY: bytes
    file.close();
    return file.good();
}

} // namespace vgpu
