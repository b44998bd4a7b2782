// SPDX-License-Identifier: MIT
//
// An exception that leaves a callback ends the program, and goes no further: the library would not know what
// it holds. What a constructor or an upstream throws is another matter (A8, and devres.h).
#include "support/environment.h"

#if defined(DEVRES_TEST_EXCEPTIONS)

#include <devres/diagnostics.h>
#include <devres/dump.h>

#include "core/core_test.h"

namespace devres::test {
namespace {

struct place {
    const char* name;
    void (*throw_there)(bench_owner* own);
};

void release_that_throws(devres_head*, void*)
{
    throw 42;
}
void add_thrower(bench_owner* own)
{
    devres_add(own, devres_alloc(&release_that_throws, 8));
}
const char* name_that_throws(devres_head*)
{
    throw 42;
}

const place places[] = {
    {"Release",
     [](bench_owner* own) {
         add_thrower(own);
         (void)devres_release_all(&own->devres);
     }},
    {"ReleaseAtTheEnd",
     [](bench_owner* own) {
         add_thrower(own);
         (void)devres_drain(&own->devres);
     }},
    {"Match",
     [](bench_owner* own) {
         add_thrower(own);
         (void)devres_find(&own->devres, &release_that_throws,
                           [](devres_head*, void*, void*) -> bool { throw 42; });
     }},
    {"Visitor",
     [](bench_owner* own) {
         add_thrower(own);
         devres_for_each_res(
             &own->devres, &release_that_throws, nullptr, nullptr,
             [](devres_head*, void*, void*) { throw 42; }, nullptr);
     }},
    {"LogHook",
     [](bench_owner* own) {
         devres_set_log([](const char*, devres_head*, const char*, const char*, std::size_t) { throw 42; });
         add_thrower(own);
     }},
    {"WarnHandler",
     [](bench_owner* own) {
         devres_set_warn_handler([](const char*) { throw 42; });
         devres_close_group(own, nullptr);
     }},
    {"Sink",
     [](bench_owner* own) {
         devres_dump(
             own, [](void*, const char*, std::size_t) { throw 42; }, nullptr);
     }},
    {"SinkOfAll",
     [](bench_owner* own) {
         devres_listed listed(&own->devres);
         devres_dump_all([](void*, const char*, std::size_t) { throw 42; }, nullptr);
     }},
    {"Name",
     [](bench_owner*) {
         static constexpr devres_owner_ops ops{"nameless", &name_that_throws};
         devres_head head(&ops);
         devres_close_group(&head, nullptr);
     }},
};

class ThrowDeathTest : public ::testing::TestWithParam<place> {};

TEST_P(ThrowDeathTest, EndsTheProgram) // section 7
{
    EXPECT_DEATH(
        {
            auto* own = new bench_owner; // a destructor is not to end it, which would terminate as well
            try {
                GetParam().throw_there(own);
            } catch (int) {
            }
            std::_Exit(0);
        },
        "terminate called");
}

INSTANTIATE_TEST_SUITE_P(Callbacks, ThrowDeathTest, ::testing::ValuesIn(places),
                         [](const auto& what) { return std::string(what.param.name); });

} // namespace
} // namespace devres::test

#endif
