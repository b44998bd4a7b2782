// SPDX-License-Identifier: MIT
//
// Replays the corpus, then random sequences. C1 to C12, C14, A1 to A9, D2 to D6, M5, M7, V1, V5, V8, G1 to
// G6.
#include <algorithm>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "fuzz/sequence.h"
#include "support/effort.h"
#include "support/seed.h"

namespace devres::fuzz {
namespace {

// A line of hexadecimal digits is a sequence.
std::vector<bytes> read_corpus()
{
    std::ifstream file(DEVRES_FUZZ_CORPUS);
    std::vector<bytes> programs;
    for (std::string line; std::getline(file, line);) {
        bytes& program = programs.emplace_back();
        for (std::size_t i = 0; i + 1 < line.size(); i += 2)
            program.push_back(static_cast<unsigned char>(std::stoul(line.substr(i, 2), nullptr, 16)));
    }
    return programs;
}

// All of them in one child process; if that fails, the first that fails alone.
void expect_survival(const std::vector<bytes>& programs)
{
    if (survive(programs))
        return;
    for (const bytes& program : programs)
        if (!survives(program)) {
            explain(program);
            FAIL() << "see above";
        }
    FAIL() << "each survives alone";
}

TEST(FuzzTest, CorpusBehavesAsTheModelSays)
{
    const std::vector<bytes> programs = read_corpus();
    EXPECT_LT(20u, programs.size());
    expect_survival(programs);
}

TEST(FuzzTest, RandomSequencesBehaveAsTheModelSays)
{
    std::mt19937 random(test::seed());
    std::vector<bytes> programs;
    for (int i = 0; i != 300 * test::effort(); ++i) {
        bytes& program = programs.emplace_back(40 + random() % 400);
        std::generate(program.begin(), program.end(), [&] { return static_cast<unsigned char>(random()); });
    }
    expect_survival(programs);
}

} // namespace
} // namespace devres::fuzz
