// SPDX-License-Identifier: Apache-2.0
#include "model_rig.h"

#include "system_calls.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <weft/socket.h>

namespace weft::lab {

namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr auto start_time = 20s;
// Without the work of the handler.
constexpr auto connect_time = 120s;
constexpr auto round_time = 60s;
constexpr auto one_answer_time = 10s;
constexpr auto disconnect_time = 60s;
/// How long servers may take to drain before they are killed.
constexpr auto stop_time = 30s;
constexpr std::int64_t drain_ms = 10'000;
/// What a phase may take beyond its own deadline.
constexpr auto slack = 30s;

std::string with_last_words(std::string what, const child_process& who) {
    const std::string words = who.stderr_tail();
    return words.empty() ? what : std::move(what) + ": " + words;
}

std::uint64_t part_of(std::uint64_t whole, std::size_t index, std::size_t parts) {
    return whole * (index + 1) / parts - whole * index / parts;
}

/// How the clients of server after server are dealt out to load process after load process.
std::vector<std::vector<named_target>> deal(const std::vector<std::string>& endpoints,
                                            std::uint64_t clients, std::size_t loads) {
    std::vector<std::vector<named_target>> dealt(loads);
    std::size_t server = 0;
    std::uint64_t done_of_server = 0;
    for (std::size_t i = 0; i < loads; ++i) {
        for (std::uint64_t left = part_of(clients, i, loads); left > 0;) {
            const std::uint64_t open = part_of(clients, server, endpoints.size()) - done_of_server;
            const std::uint64_t taken = std::min(left, open);
            if (taken > 0) {
                dealt[i].push_back(
                    {.endpoint = endpoints[server], .clients = taken, .first = done_of_server});
            }
            left -= taken;
            done_of_server += taken;
            if (taken == open) {
                ++server;
                done_of_server = 0;
            }
        }
    }
    return dealt;
}

void add_ticks(const std::vector<child_process>& processes, readings& into) {
    for (const child_process& one : processes) {
        const auto ticks =
            parse_cpu_ticks(read_file(fmt::format("/proc/{}/stat", one.pid()).c_str()));
        if (ticks) {
            into.load_user_ticks += ticks->first;
            into.load_system_ticks += ticks->second;
        }
    }
}

std::vector<pid_t> pids_of(const std::vector<child_process>& processes) {
    std::vector<pid_t> pids;
    for (const child_process& one : processes) {
        pids.push_back(one.pid());
    }
    return pids;
}

double share_of_user(std::uint64_t user, std::uint64_t system) {
    return user + system == 0 ? 0 : static_cast<double>(user) / static_cast<double>(user + system);
}

std::uint64_t grown(std::uint64_t before, std::uint64_t after) {
    return after > before ? after - before : 0;
}

}  // namespace

std::chrono::nanoseconds connect_deadline(const work& what, std::uint64_t clients,
                                          std::uint64_t in_flight) {
    return connect_time + 2 * work_time(what, clients, in_flight);
}

std::chrono::nanoseconds round_deadline(const work& what, std::uint64_t clients) {
    return round_time + 2 * work_time(what, clients, clients);
}

model_rig::model_rig(const clients_options& options, const model_plan& plan,
                     const machine_limits& limits, const interrupts& signals,
                     progress_call progress)
    : options_(options),
      plan_(plan),
      limits_(limits),
      signals_(signals),
      progress_(std::move(progress)) {}

model_rig::~model_rig() {
    // The clients first: ten thousand servers' processes end faster than they can be killed.
    loads_.clear();
    servers_.clear();
}

step<void> model_rig::start() {
    if (auto done = start_servers(); !done) {
        return done;
    }
    return start_loads();
}

step<void> model_rig::start_servers() {
    const server_config config{.model = plan_.model,
                               .what = options_.what,
                               .message_size = options_.message_size,
                               .workers = plan_.workers,
                               .thread_stack = options_.thread_stack,
                               .fiber_stack = options_.fiber_stack,
                               .drain_ms = drain_ms};
    for (unsigned i = 0; i < plan_.servers; ++i) {
        auto child = child_process::start({"_server"});
        if (!child) {
            return std::unexpected(failed_outcome("starting a server: " + child.error().message()));
        }
        servers_.push_back(std::move(*child));
        child_process& server = servers_.back();
        if (!server.control().send(to_json(config))) {
            return std::unexpected(failure_of_server(server));
        }
        const auto answer = server.control().receive(start_time);
        if (signals_.requested()) {
            return std::unexpected(interrupted_outcome());
        }
        if (!answer) {
            return std::unexpected(failure_of_server(server));
        }
        const auto ready = answer->find("ready");
        if (ready == answer->end() || !ready->is_object()) {
            return std::unexpected(
                failed_outcome(answer->value("error", "the server did not start")));
        }
        endpoints_.push_back(ready->value("endpoint", ""));
    }
    return {};
}

step<void> model_rig::start_loads() {
    for (unsigned i = 0; i < plan_.loads; ++i) {
        auto child = child_process::start({"_load"});
        if (!child || !child->control().send(setup_command(options_.message_size))) {
            return std::unexpected(failed_outcome("starting a load generator"));
        }
        loads_.push_back(std::move(*child));
    }
    return {};
}

outcome model_rig::failure_of_server(child_process& server) {
    const auto last_words = server.control().receive(0s);
    const auto status = server.wait(2s);
    std::string why = server.stderr_tail();
    if (last_words && last_words->contains("error")) {
        why = last_words->value("error", why);
    }
    if (status && WIFSIGNALED(*status)) {
        return {.state = outcome_state::died,
                .reason = std::move(why),
                .lift = "",
                .signal = WTERMSIG(*status)};
    }
    if (!status) {
        return failed_outcome("the server does not answer");
    }
    return {.state = outcome_state::died,
            .reason = why.empty() ? fmt::format("exit status {}", WEXITSTATUS(*status)) : why,
            .lift = "",
            .signal = 0};
}

outcome model_rig::find_dead_server() {
    for (child_process& server : servers_) {
        if (server.wait(0s)) {
            return failure_of_server(server);
        }
    }
    return {};
}

/// Waits until a load process says something or ends: true; false at the deadline. Fails when the
/// user stops the run or a server ends.
step<bool> model_rig::wait_for_event(deadline until) {
    std::vector<pollfd> set{{.fd = signals_.fd(), .events = POLLIN, .revents = 0}};
    for (child_process& load : loads_) {
        if (load.control().has_line()) {
            return true;
        }
        set.push_back({.fd = load.control().fd(), .events = POLLIN, .revents = 0});
    }
    const std::size_t first_server = set.size();
    for (child_process& server : servers_) {
        set.push_back(
            {.fd = death_expected_ ? -1 : server.control().fd(), .events = POLLIN, .revents = 0});
    }
    while (::poll(set.data(), set.size(), milliseconds_until(until)) <= 0) {
        if (until.expired()) {
            return false;
        }
    }
    if (set[0].revents != 0) {
        return std::unexpected(interrupted_outcome());
    }
    for (std::size_t i = first_server; i < set.size(); ++i) {
        if (set[i].revents != 0) {
            return std::unexpected(failure_of_server(servers_[i - first_server]));
        }
    }
    return true;
}

step<void> model_rig::rest(std::chrono::milliseconds duration) {
    const auto spoke = wait_for_event(deadline(duration));
    if (!spoke) {
        return std::unexpected(spoke.error());
    }
    if (!*spoke) {
        return {};
    }
    // Nobody asked a load process anything: what its channel has is its end.
    std::string why = "a load generator died";
    for (child_process& load : loads_) {
        if (load.wait(0s)) {
            why = with_last_words(std::move(why), load);
        }
    }
    return std::unexpected(failed_outcome(std::move(why)));
}

step<std::vector<json>> model_rig::on_all_loads(const std::vector<json>& commands,
                                                std::chrono::nanoseconds longest) {
    for (std::size_t i = 0; i < loads_.size(); ++i) {
        if (!loads_[i].control().send(commands[std::min(i, commands.size() - 1)])) {
            return std::unexpected(failed_outcome("a load generator died"));
        }
    }
    const deadline until(longest + slack);
    std::vector<json> replies(loads_.size());
    std::vector<std::pair<std::uint64_t, std::uint64_t>> counts(loads_.size());
    std::size_t missing = loads_.size();
    while (missing > 0) {
        const auto spoke = wait_for_event(until);
        if (!spoke) {
            return std::unexpected(spoke.error());
        }
        if (!*spoke) {
            return std::unexpected(failed_outcome("a load generator does not answer"));
        }
        for (std::size_t i = 0; i < loads_.size(); ++i) {
            control_channel& control = loads_[i].control();
            pollfd one{.fd = control.fd(), .events = POLLIN, .revents = 0};
            if (!control.has_line() && ::poll(&one, 1, 0) == 0) {
                continue;
            }
            auto message = control.receive(until);
            if (!message) {
                return std::unexpected(
                    failed_outcome(with_last_words("a load generator died", loads_[i])));
            }
            if (message->contains("report")) {
                replies[i] = std::move((*message)["report"]);
                --missing;
            } else if (const auto found = message->find("progress"); found != message->end()) {
                counts[i] = found->get<std::pair<std::uint64_t, std::uint64_t>>();
                std::pair<std::uint64_t, std::uint64_t> sum;
                for (const auto& [done, total] : counts) {
                    sum.first += done;
                    sum.second += total;
                }
                progress_(sum.first, sum.second);
            } else {
                return std::unexpected(
                    failed_outcome(message->value("error", "a load generator failed")));
            }
        }
    }
    return replies;
}

template <class Report>
step<Report> model_rig::merged(step<std::vector<json>> replies, Report (*parse)(const json&)) {
    if (!replies) {
        return std::unexpected(std::move(replies.error()));
    }
    try {
        Report report = parse(replies->front());
        for (std::size_t i = 1; i < replies->size(); ++i) {
            report.merge(parse((*replies)[i]));
        }
        return report;
    } catch (const json::exception& error) {
        return std::unexpected(
            failed_outcome(std::string("a load generator's report: ") + error.what()));
    }
}

step<connect_report> model_rig::connect() {
    const std::uint64_t in_flight =
        std::max<std::uint64_t>(1, connects_in_flight(limits_) / loads_.size());
    const auto longest = connect_deadline(options_.what, plan_.clients, in_flight * loads_.size());
    std::vector<json> commands;
    for (const auto& targets : deal(endpoints_, plan_.clients, loads_.size())) {
        commands.push_back(connect_command(targets, {.in_flight = in_flight, .deadline = longest}));
    }
    return merged(on_all_loads(commands, longest), &connect_report_from);
}

step<loop_report> model_rig::loop(const loop_request& request) {
    loop_request part = request;
    part.rate /= static_cast<double>(loads_.size());
    std::vector<json> commands;
    for (std::size_t i = 0; i < loads_.size(); ++i) {
        part.seed = request.seed + i;
        commands.push_back(loop_command(part));
    }
    return merged(on_all_loads(commands, request.warm_up + request.duration + request.grace),
                  &loop_report_from);
}

step<round_report> model_rig::round(round_request request) {
    death_expected_ = death_expected_ || request.poison != poison_kind::none;
    request.deadline = round_deadline(options_.what, plan_.clients);
    return merged(on_all_loads({round_command(request)}, request.deadline), &round_report_from);
}

step<void> model_rig::disconnect() {
    if (auto done = on_all_loads({disconnect_command()}, disconnect_time); !done) {
        return std::unexpected(std::move(done.error()));
    }
    return {};
}

readings model_rig::read() const {
    readings now;
    const auto servers = pids_of(servers_);
    now.taken = take_snapshot(servers);
    now.ticks = read_machine_ticks();
    add_ticks(loads_, now);
    auto own = pids_of(loads_);
    own.push_back(::getpid());
    now.own_ns = cpu_time_ns(own);
    return now;
}

std::uint64_t model_rig::server_cpu_ns() const {
    return cpu_time_ns(process_tree(pids_of(servers_)));
}

bool model_rig::answers_new_client() const {
    return std::ranges::all_of(endpoints_, [this](const std::string& text) {
        const auto where = endpoint::parse(text);
        const deadline until(one_answer_time + 2 * work_time(options_.what, 1, 1));
        auto client =
            where ? weft::connect(*where, until) : result<socket>(std::unexpected(where.error()));
        message_format format(options_.message_size);
        const auto message = format.build({});
        if (!client || !client->write(message, until)) {
            return false;
        }
        std::vector<std::byte> echo(message.size());
        for (std::size_t have = 0; have < echo.size();) {
            const auto n = client->read(std::span(echo).subspan(have), until);
            if (!n || *n == 0) {
                return false;
            }
            have += *n;
        }
        return format.matches({}, 0, echo);
    });
}

step<server_counts> model_rig::stop() {
    loads_.clear();
    for (const child_process& server : servers_) {
        server.terminate();
    }
    server_counts sum;
    for (child_process& server : servers_) {
        const auto last = server.control().receive(stop_time);
        if (!last || !last->contains("counters")) {
            return std::unexpected(server.wait(0s)
                                       ? failure_of_server(server)
                                       : failed_outcome("the server did not stop in time"));
        }
        try {
            const server_counts counts = server_counts_from((*last)["counters"]);
            sum.refused += counts.refused;
            sum.failed += counts.failed;
            sum.crashed += counts.crashed;
        } catch (const json::exception& error) {
            return std::unexpected(
                failed_outcome(std::string("a server's counts: ") + error.what()));
        }
        server.wait(stop_time);
    }
    servers_.clear();
    return sum;
}

server_use use_between(const readings& before, const readings& after, model_id model,
                       double measured_share) {
    const use_totals& from = before.taken.totals;
    const use_totals& to = after.taken.totals;
    std::uint64_t user = grown(from.user_ticks, to.user_ticks);
    std::uint64_t system = grown(from.system_ticks, to.system_ticks);
    if (model == model_id::process || user + system == 0) {
        // Each process used less than a tick of the clock that tells user from system; what the
        // machine did beside the load generators was the servers.
        user = grown(grown(before.load_user_ticks, after.load_user_ticks),
                     grown(before.ticks.user, after.ticks.user));
        system = grown(grown(before.load_system_ticks, after.load_system_ticks),
                       grown(before.ticks.system, after.ticks.system));
    }
    const double seconds =
        static_cast<double>(grown(from.cpu_ns, to.cpu_ns)) / 1e9 * measured_share;
    const auto switches = [measured_share](std::uint64_t a, std::uint64_t b) {
        return static_cast<std::uint64_t>(
            std::llround(static_cast<double>(grown(a, b)) * measured_share));
    };
    server_use use;
    use.user_seconds = seconds * share_of_user(user, system);
    use.system_seconds = seconds - use.user_seconds;
    use.voluntary_switches = switches(from.voluntary_switches, to.voluntary_switches);
    use.involuntary_switches = switches(from.involuntary_switches, to.involuntary_switches);
    use.processes = to.processes;
    use.threads = to.threads;
    use.memory = after.taken.memory;
    return use;
}

}  // namespace weft::lab
