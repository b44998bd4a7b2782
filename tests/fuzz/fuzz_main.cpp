// SPDX-License-Identifier: MIT
//
// The libFuzzer target. DEVRES_FUZZ_EXPLAIN=<file>: shrinks that file instead, and prints it as code.
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "fuzz/sequence.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv);

extern "C" int LLVMFuzzerInitialize(int*, char***)
{
    if (const char* path = std::getenv("DEVRES_FUZZ_EXPLAIN")) {
        std::ifstream file(path, std::ios::binary);
        devres::fuzz::explain({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
        std::exit(0);
    }
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    devres::fuzz::run({data, size}, false);
    return 0;
}
