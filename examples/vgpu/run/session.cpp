// SPDX-License-Identifier: MIT
#include "session.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>
#include <thread>

#include <poll.h>
#include <unistd.h>

#include "../driver/lifetime.h"
#include "../fuse/fuse_server.h"
#include "../server/server.h"
#include "../server/trace.h"
#include "bus.h"
#include "client_process.h"
#include "picture.h"
#include "png.h"
#include "show.h"
#include "usage.h"
#include "verdict.h"

namespace vgpu {
namespace {

std::int64_t ns(double seconds)
{
    return static_cast<std::int64_t>(seconds * 1e9);
}

// One round: the clients, from their start to their end.
class round_of_clients {
public:
    round_of_clients(const plan& p, const card_server& daemon, bus& displays) : plan_(p), bus_(displays)
    {
        for (const auto& command : p.commands) {
            clients_.push_back({std::make_unique<client_process>(command, daemon.environment(p.shim))});
            if (clients_.size() < p.commands.size())
                let_begin(clients_.back());
        }
    }

    // Returns when it is time to pull the plug, or when every client has ended. False: clients were still
    // running, and the call to wait for was not made in time.
    bool watch_until_unplug()
    {
        bool in_time = true;
        std::thread waiter;
        int told[2] = {-1, -1};
        if (!plan_.unplug_at.empty()) {
            if (pipe(told) == 0)
                waiter = std::thread([&] {
                    await_held();
                    ::close(told[1]);
                });
        }
        const std::int64_t due =
            now_ns() + ns(plan_.unplug_after_s.value_or(plan_.unplug_at.empty() ? 2 : 60));
        while (!all_ended()) {
            if (!plan_.unplug_on_key && now_ns() >= due) {
                in_time = plan_.unplug_at.empty();
                break;
            }
            if (watch(plan_.unplug_on_key ? now_ns() + ns(3600) : due,
                      plan_.unplug_on_key ? STDIN_FILENO : told[0]))
                break;
            if (plan_.show)
                show(bus_.on_screen(0));
        }
        if (waiter.joinable()) {
            end_wait_for_hold();
            waiter.join();
            ::close(told[0]);
        }
        for (one& c : clients_) {
            c.before = c.process->has_ended();
            take_counts(c.process->pid());
        }
        return in_time;
    }

    // Who is quiet after some time perhaps waits for its user, who presses Enter.
    void watch_after_unplug()
    {
        const std::int64_t begin = now_ns();
        for (int third = 1; third <= 3; ++third) {
            const std::int64_t due = begin + ns(plan_.grace_s * third / 3);
            while (!all_ended() && now_ns() < due)
                watch(due, -1);
            for (one& c : clients_) {
                c.lately = take_counts(c.process->pid());
                c.since += c.lately;
                if (third == 2 && !c.process->has_ended() && c.lately.all() == 0) {
                    c.process->press_enter();
                    c.pressed = true;
                }
            }
        }
    }

    std::vector<verdict> judge_all()
    {
        std::vector<verdict> all;
        for (one& c : clients_) {
            c.process->read_output();
            all.push_back(
                judge(*c.process, {c.process->has_ended(), c.before, c.pressed, c.since, c.lately}));
            c.process->kill();
        }
        return all;
    }

    std::vector<pid_t> groups() const
    {
        std::vector<pid_t> all;
        for (const one& c : clients_)
            all.push_back(c.process->pid());
        return all;
    }

    void print_output() const
    {
        for (const one& c : clients_) {
            if (c.process->text().empty())
                continue;
            std::printf("--- %s wrote\n", c.process->name().c_str());
            // Clients that say something at each flip say the same.
            const std::string& text = c.process->text();
            constexpr std::size_t most = 1500;
            std::fwrite(text.data(), 1, std::min(most, text.size()), stdout);
            if (text.size() > 2 * most)
                std::printf("\n    [...]\n");
            if (text.size() > most) {
                const std::size_t rest = std::min(most, text.size() - most);
                std::fwrite(text.data() + text.size() - rest, 1, rest, stdout);
            }
        }
    }

private:
    struct one {
        std::unique_ptr<client_process> process;
        bool before = false; // it had ended before the plug was pulled
        bool talks = true;
        bool pressed = false; // Enter
        call_counts since{}, lately{};
    };

    // The next client starts when this one shows something, or has ended, or does neither for a while.
    void let_begin(one& c)
    {
        const std::int64_t due = now_ns() + ns(10);
        while (now_ns() < due && !c.process->has_ended() && !bus_.is_lit(0))
            watch(now_ns() + ns(0.01), -1);
    }

    bool all_ended()
    {
        return std::ranges::all_of(clients_, [](one& c) { return c.process->has_ended(); });
    }

    // Until `due`, or somebody does something. True: `extra` is readable.
    bool watch(std::int64_t due, int extra)
    {
        std::vector<pollfd> fds{{extra, POLLIN, 0}};
        for (const one& c : clients_) {
            fds.push_back({c.process->has_ended() ? -1 : c.process->end_is_readable(), POLLIN, 0});
            fds.push_back({c.talks ? c.process->output() : -1, POLLIN, 0});
        }
        std::int64_t left_ms = std::max<std::int64_t>(0, (due - now_ns()) / 1'000'000 + 1);
        if (plan_.show)
            left_ms = std::min<std::int64_t>(left_ms, 100);
        poll(fds.data(), fds.size(), static_cast<int>(left_ms));
        for (one& c : clients_)
            if (c.talks && c.process->has_started())
                c.talks = c.process->read_output();
        return fds[0].revents != 0;
    }

    const plan& plan_;
    bus& bus_;
    std::vector<one> clients_;
};

void print(const std::vector<verdict>& verdicts)
{
    std::size_t width = 6;
    for (const verdict& v : verdicts)
        width = std::max(width, v.client.size());
    for (const verdict& v : verdicts)
        std::printf("  %-*s  %-18s  %s\n", static_cast<int>(width), v.client.c_str(), name_of(v.what),
                    v.text.c_str());
}

std::unique_ptr<card_server> make_way_in(const plan& p)
{
    if (p.fuse)
        return std::make_unique<fuse_server>();
    return std::make_unique<server>();
}

} // namespace

int run_session(const plan& p)
{
    const usage before = usage_at_start();
    bool well = true;
    picture_data drawn;
    {
        const std::unique_ptr<card_server> made = make_way_in(p);
        card_server& daemon = *made;
        if (const int err = daemon.start()) {
            std::fprintf(stderr, "vgpu: the daemon cannot start: %s\n", daemon.problem(err).c_str());
            return p.fuse ? 4 : 3;
        }
        bus displays(daemon, &counted_memory());
        for (int round = 0; round < (p.replug ? 2 : 1); ++round) {
            if (const int err = displays.plug_in(p.cards)) {
                std::fprintf(stderr, "vgpu: probe: error %d\n", -err);
                return 3;
            }
            std::printf("%s: %d display%s\n", round ? "plugged in again" : "plugged in", p.cards,
                        p.cards == 1 ? "" : "s");
            std::fflush(stdout);
            if (!p.unplug_at.empty())
                hold_at(p.unplug_at.c_str(), p.unplug_at_count);
            round_of_clients clients(p, daemon, displays);
            if (!clients.watch_until_unplug()) {
                std::printf("%s was not called %d time%s so far\n", p.unplug_at.c_str(), p.unplug_at_count,
                            p.unplug_at_count == 1 ? "" : "s");
                well = false;
            }
            const usage busy = usage_now();
            const std::int64_t begin = now_ns();
            displays.pull();
            const std::int64_t end = now_ns();
            end_hold();
            std::printf("unplugged, in %.1f ms, with %zu file%s open\n",
                        static_cast<double>(end - begin) / 1e6, daemon.open_files(),
                        daemon.open_files() == 1 ? "" : "s");
            std::fflush(stdout);
            clients.watch_after_unplug();
            const std::vector<verdict> verdicts = clients.judge_all();
            if (!p.quiet)
                clients.print_output();
            std::printf("\nverdict\n");
            print(verdicts);
            well = well && std::ranges::all_of(verdicts, &verdict::is_well);
            std::printf("\nwhile it worked: %s\n", describe(busy).c_str());
            if (round == 0) {
                drawn.unplug_ns = begin;
                drawn.frame = displays.last_frame();
                drawn.verdicts = verdicts;
                drawn.groups = clients.groups();
            }
        }
    }
    const usage after = usage_like(before);
    std::printf("before:          %s\nafter:           %s\n", describe(before).c_str(),
                describe(after).c_str());
    if (!p.png.empty() && write_png(p.png, drawn.frame))
        std::printf("the last frame is in %s\n", p.png.c_str());
    if (!p.svg.empty() && write_picture(p.svg, drawn))
        std::printf("the picture is in %s\n", p.svg.c_str());
    if (before != after) {
        std::printf("NOT everything is counted back\n");
        return 3;
    }
    std::printf("everything is counted back\n");
    return well ? 0 : 1;
}

} // namespace vgpu
