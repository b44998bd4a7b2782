// SPDX-License-Identifier: MIT
//
// hotunplug: what devres does when hardware goes while programs use it. Start reading at driver.cpp.
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

#include "checks.h"
#include "demo.h"
#include "process.h"
#include "timeline.h"
#include "trace.h"

namespace hotunplug {
namespace {

constexpr char usage_text[] = R"(usage: hotunplug [--clients N] [--svg PATH]
       hotunplug --fail-probe N [--svg PATH]

A driver binds to a device on a pseudo-terminal, client processes use it, and the plug is pulled.
Prints who did what and when, draws it, and checks it; exits with 0 if all was as it should be.

  --clients N      so many client processes, 1 to 8 (default 3)
  --fail-probe N   instead: the N-th step of the driver's probe fails, 1 to 8
  --svg PATH       where the picture goes (default: hotunplug.svg beside the program); the trace, from
                   which the thin bars are drawn, goes beside it as .json
  --help           this
)";

struct options {
    int clients = 3;
    bool fail_probe = false;
    int failing_step = 0;
    std::string svg;
};

int complain(const std::string& what)
{
    std::fprintf(stderr, "hotunplug: %s\n", what.c_str());
    return 2;
}

bool parse(std::string_view text, int* number)
{
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
    return error == std::errc() && end == text.data() + text.size();
}

// Returns: 0, or the status to exit with.
int read_options(int argc, char** argv, options* chosen)
{
    for (int i = 1; i < argc; i += 2) {
        const std::string option = argv[i];
        const bool known = option == "--clients" || option == "--fail-probe" || option == "--svg";
        if (!known)
            return complain("no option '" + option + "'; --help lists them");
        if (i + 1 == argc)
            return complain(option + " needs a value");
        const std::string value = argv[i + 1];
        if (option == "--svg") {
            chosen->svg = value;
        } else if (option == "--clients") {
            if (!parse(value, &chosen->clients) || chosen->clients < 1 || chosen->clients > max_clients)
                return complain("--clients takes 1 to " + std::to_string(max_clients) + ", not '" + value +
                                "'");
        } else {
            chosen->fail_probe = true;
            if (!parse(value, &chosen->failing_step) || chosen->failing_step < 1 ||
                chosen->failing_step > scope_probe_steps)
                return complain("probe has steps 1 to " + std::to_string(scope_probe_steps) + ", not '" +
                                value + "'");
        }
    }
    return 0;
}

std::string beside_the_program()
{
    std::error_code error;
    const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
    return (error ? std::filesystem::path(".") : program.parent_path()) / "hotunplug.svg";
}

int run(const options& chosen)
{
    start_watchdog(20);
    timeline_start();
    checks all;
    if (chosen.fail_probe)
        run_fail_probe(chosen.failing_step, all);
    else
        run_unplug(chosen.clients, all);

    const int clients = chosen.fail_probe ? 0 : chosen.clients;
    timeline_print();
    const std::string title = chosen.fail_probe
                                  ? "step " + std::to_string(chosen.failing_step) + " of probe fails"
                                  : "the plug is pulled";
    const std::string svg = chosen.svg.empty() ? beside_the_program() : chosen.svg;
    all.expect(timeline_write_svg(svg, "hotunplug: " + title, clients), "the picture is in " + svg);
    const std::string json = std::filesystem::path(svg).replace_extension(".json");
    all.expect(trace_write_json(json), "the trace of its resources, for Perfetto, is in " + json);
    const bool ok = all.print();
    std::puts(ok ? "\nall as it should be" : "\nNOT as it should be");
    return ok ? 0 : 1;
}

} // namespace
} // namespace hotunplug

int main(int argc, char** argv)
{
    using namespace hotunplug;
    for (int i = 1; i < argc; ++i) {
        const std::string_view option = argv[i];
        if (option == "--help" || option == "-h") {
            std::fputs(usage_text, stdout);
            return 0;
        }
    }
    options chosen;
    if (const int status = read_options(argc, argv, &chosen))
        return status;
    return run(chosen);
}
