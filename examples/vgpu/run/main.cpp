// SPDX-License-Identifier: MIT
//
// vgpu: a display that can be unplugged, for programs that never saw that happen. Start reading at
// driver/driver.cpp.
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include <unistd.h>

#include "../driver/ioctl.h"
#include "session.h"

namespace vgpu {
namespace {

constexpr char usage_text[] = R"(usage: vgpu run [options] -- client [args...] [-- client [args...]]...

Starts the clients with a virtual display at /dev/dri/card0, pulls its plug, and says what each of them did.

  --unplug-after S    after so many seconds (default 2)
  --unplug-on-key     when Enter is pressed
  --unplug-at NAME[:N]  before the N-th ioctl of that name (such as MODE_SETCRTC) is answered; --unplug-after
                      is how long to wait for it (default 60)
  --grace S           how long clients have to come to terms with it (default 3)
  --fuse              clients find the display through FUSE, and nothing is preloaded: reaches static
                      and setuid programs; takes root, and Linux 6.9 with FUSE passthrough
  --hub N             N displays, card0 and up, on a hub that is unplugged
  --replug            afterwards plugs it in again, and does all of it once more
  --show              draws the screen meanwhile, if the output is a terminal
  --quiet             does not repeat what the clients wrote
  --png PATH          the last frame (default: vgpu.png beside the program)
  --svg PATH          the picture of the run (default: vgpu.svg beside the program)

Exit status: 0 all clients coped; 1 one hung, died or did not run, or that ioctl did not come; 2 wrong usage;
3 something was left over; 4 the system does not offer --fuse.
)";

int complain(const std::string& what)
{
    std::fprintf(stderr, "vgpu: %s\n", what.c_str());
    return 2;
}

bool parse(std::string_view text, int lowest, int highest, int* number)
{
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
    return error == std::errc() && end == text.data() + text.size() && *number >= lowest &&
           *number <= highest;
}

bool parse_seconds(const std::string& text, double* seconds)
{
    char* end = nullptr;
    *seconds = std::strtod(text.c_str(), &end);
    return end != text.c_str() && *end == '\0' && *seconds >= 0 && *seconds < 1e6;
}

// Can the plug be pulled at it? Every call that clients make has a name: ioctls, and what else the daemon
// answers.
bool is_call(std::string_view name)
{
    for (unsigned number = 0; number < static_cast<unsigned>(gpu_ioctl_count); ++number)
        if (ioctl_command(number) && name == ioctl_name(number))
            return true;
    return name == "open" || name == "mmap" || name == "close";
}

// Returns: 0, or the status to exit with. `*next`: the first argument that is no option.
int read_options(int argc, char** argv, int* next, plan* p)
{
    int i = *next;
    for (; i < argc && std::string_view(argv[i]) != "--"; ++i) {
        const std::string option = argv[i];
        bool* flag = option == "--unplug-on-key" ? &p->unplug_on_key
                     : option == "--replug"      ? &p->replug
                     : option == "--show"        ? &p->show
                     : option == "--fuse"        ? &p->fuse
                     : option == "--quiet"       ? &p->quiet
                                                 : nullptr;
        if (flag) {
            *flag = true;
            continue;
        }
        if (i + 1 == argc)
            return complain("no option '" + option + "', or it needs a value; --help lists them");
        std::string value = argv[++i];
        bool good = true;
        if (option == "--unplug-after") {
            good = parse_seconds(value, &p->unplug_after_s.emplace());
        } else if (option == "--grace") {
            good = parse_seconds(value, &p->grace_s);
        } else if (option == "--hub") {
            good = parse(value, 1, 1000, &p->cards);
        } else if (option == "--png") {
            p->png = value;
        } else if (option == "--svg") {
            p->svg = value;
        } else if (option == "--unplug-at") {
            if (const std::size_t colon = value.find(':'); colon != std::string::npos) {
                good = parse(value.substr(colon + 1), 1, 1'000'000, &p->unplug_at_count);
                value.resize(colon);
            }
            good = good && is_call(value);
            p->unplug_at = value;
        } else {
            return complain("no option '" + option + "'; --help lists them");
        }
        if (!good)
            return complain(option + " does not take '" + value + "'");
    }
    *next = i;
    return 0;
}

void read_commands(int argc, char** argv, int next, plan* p)
{
    for (int i = next; i < argc; ++i) {
        if (std::string_view(argv[i]) == "--")
            p->commands.emplace_back();
        else
            p->commands.back().emplace_back(argv[i]);
    }
    std::erase_if(p->commands, [](const auto& words) { return words.empty(); });
}

int main(int argc, char** argv)
{
    if (argc < 2 || std::string_view(argv[1]) == "--help" || std::string_view(argv[1]) == "help") {
        std::fputs(usage_text, argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (std::string_view(argv[1]) != "run")
        return complain(std::string("no command '") + argv[1] + "'; --help lists them");
    std::error_code error;
    const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
    plan p;
    p.shim = here / "libvgpu_shim.so";
    p.png = here / "vgpu.png";
    p.svg = here / "vgpu.svg";
    int next = 2;
    if (const int status = read_options(argc, argv, &next, &p))
        return status;
    p.show = p.show && isatty(STDOUT_FILENO);
    read_commands(argc, argv, next, &p);
    if (p.fuse && p.unplug_at == "mmap")
        return complain("--unplug-at mmap: with --fuse the kernel makes that call without asking");
    if (p.commands.empty())
        return complain("no client: put its command after '--'");
    std::signal(SIGPIPE, SIG_IGN);
    return run_session(p);
}

} // namespace
} // namespace vgpu

int main(int argc, char** argv)
{
    return vgpu::main(argc, argv);
}
