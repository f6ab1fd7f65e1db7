// SPDX-License-Identifier: Apache-2.0
//
// model_rig: the processes of one model, its servers and its load generators, and the phases that
// they run. Used by the orchestrator, on its one thread. Whatever ends it, the destructor leaves
// no process behind.
//
// Every step fails with an `outcome` that says why: interrupted by the user, a server that died
// (with the signal), or something else. After a failure the rig is of no more use.
#pragma once

#include "child_process.h"
#include "clients_options.h"
#include "interrupts.h"
#include "limits.h"
#include "load_host.h"
#include "load_report.h"
#include "proc_metrics.h"
#include "results.h"
#include "server_host.h"

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace weft::lab {

template <class T>
using step = std::expected<T, outcome>;

/// What happened on the machine between two moments.
struct readings {
    snapshot taken;
    machine_ticks ticks;
    /// CPU time of the load generators and of the orchestrator.
    std::uint64_t own_ns = 0;
    std::uint64_t load_user_ticks = 0;
    std::uint64_t load_system_ticks = 0;
};

class model_rig {
public:
    using progress_call = std::function<void(std::uint64_t done, std::uint64_t total)>;

    model_rig(const clients_options& options, const model_plan& plan, const machine_limits& limits,
              const interrupts& signals, progress_call progress);
    ~model_rig();
    model_rig(const model_rig&) = delete;
    model_rig& operator=(const model_rig&) = delete;

    /// Servers that listen, and load generators that wait.
    step<void> start();

    step<connect_report> connect();
    step<loop_report> loop(const loop_request& request);
    /// With a deadline that the handler's work allows for.
    step<round_report> round(round_request request);
    step<void> disconnect();

    /// Waits while nothing happens; fails when a load process ends, like all steps.
    step<void> rest(std::chrono::milliseconds duration);

    /// What the servers and the machine have used until now.
    [[nodiscard]] readings read() const;
    /// CPU time of the servers, at little cost; what they forked is included.
    [[nodiscard]] std::uint64_t server_cpu_ns() const;

    /// Whether a new client is answered by each server.
    [[nodiscard]] bool answers_new_client() const;
    /// How the first server that died ended; state ok when all live.
    outcome find_dead_server();

    /// Ends the servers as a user would, and returns what they counted.
    step<server_counts> stop();

private:
    step<void> start_servers();
    step<void> start_loads();
    step<std::vector<nlohmann::json>> on_all_loads(const std::vector<nlohmann::json>& commands,
                                                   std::chrono::nanoseconds longest);
    step<bool> wait_for_event(deadline until);
    template <class Report>
    step<Report> merged(step<std::vector<nlohmann::json>> replies,
                        Report (*parse)(const nlohmann::json&));
    static outcome failure_of_server(child_process& server);

    const clients_options& options_;
    const model_plan& plan_;
    const machine_limits& limits_;
    const interrupts& signals_;
    progress_call progress_;
    std::vector<child_process> servers_;
    std::vector<std::string> endpoints_;
    std::vector<child_process> loads_;
    /// A server's death is part of a poisoned phase, and no failure of it.
    bool death_expected_ = false;
};

/// The server's use between two readings, of which `measured_share` (0..1) was spent on the
/// requests that were measured; the rest belongs to those before and after the window.
server_use use_between(const readings& before, const readings& after, model_id model,
                       double measured_share);

/// How long the clients may take to connect and to be answered once, and to be answered once more.
std::chrono::nanoseconds connect_deadline(const work& what, std::uint64_t clients,
                                          std::uint64_t in_flight);
std::chrono::nanoseconds round_deadline(const work& what, std::uint64_t clients);

}  // namespace weft::lab
