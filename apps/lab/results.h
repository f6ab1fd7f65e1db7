// SPDX-License-Identifier: Apache-2.0
//
// What one run of `weft clients` measured: plain data, filled by the scenarios, read by the
// reports. Figures are stored as measured (totals, seconds, counts), one record per repeat;
// medians, spreads, ratios and "per client" are computed by statistics.h and summary.h so that
// each is computed in one place only. An absent optional means "not measured", never zero.
//
// Units are in the names: _us microseconds, _bytes, _seconds, _per_s, _percent (0..100), _share
// (0..1 of one CPU; 1.0 is one CPU busy all the time).
//
// The JSON form is described in docs/clients.md and carries `schema_version`. No function here
// keeps state: any thread, any time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace weft::lab {

inline constexpr int results_schema_version = 1;

/// What the server spends on a client.
enum class model_id { process, thread, fiber, coroutine };

inline constexpr std::array all_models{model_id::process, model_id::thread, model_id::fiber,
                                       model_id::coroutine};

/// "process", "thread", "fiber", "coroutine".
std::string_view name_of(model_id model) noexcept;
/// The inverse of name_of().
std::optional<model_id> model_named(std::string_view name) noexcept;

/// How a model or one of its repeats ended.
enum class outcome_state {
    /// All the phases asked for were measured.
    ok,
    /// Never started: it does not fit this machine's limits.
    left_out,
    /// The server ended unasked; `signal` says by what (0: it exited).
    died,
    /// The user stopped the run; the phases present are complete.
    interrupted,
    /// Something else went wrong; `reason` says what.
    failed,
};

struct outcome {
    outcome_state state = outcome_state::ok;
    std::string reason;
    /// The command that lifts the limit that made it left_out; may be empty.
    std::string lift;
    int signal = 0;
};

/// How it ends when something went wrong that is no server's death.
outcome failed_outcome(std::string reason);
/// How it ends when the user stops it.
outcome interrupted_outcome();

struct latency_summary {
    std::uint64_t count = 0;
    double mean_us = 0;
    double p50_us = 0;
    double p90_us = 0;
    double p99_us = 0;
    double p999_us = 0;
    double max_us = 0;
};

/// `count` samples above the bucket before and at most `us`. Ascending, without empty buckets.
struct histogram_bucket {
    double us = 0;
    std::uint64_t count = 0;
};

/// Bytes of all server processes together. Kinds that the kernel does not tell here are absent.
struct memory_use {
    std::optional<std::uint64_t> virtual_bytes;
    std::optional<std::uint64_t> resident_bytes;
    /// Proportional set size: a page shared by n processes counts 1/n in each.
    std::optional<std::uint64_t> proportional_bytes;
    std::optional<std::uint64_t> private_bytes;
    std::optional<std::uint64_t> page_table_bytes;
    std::optional<std::uint64_t> kernel_stack_bytes;
    /// Socket buffers (both ends on this machine share one kernel).
    std::optional<std::uint64_t> socket_bytes;
    /// Kernel objects: tasks, descriptors, sockets, maps.
    std::optional<std::uint64_t> slab_bytes;
};

/// What the server used during one phase. CPU times and switches are differences over the phase;
/// memory, processes and threads are read at its end.
struct server_use {
    double user_seconds = 0;
    double system_seconds = 0;
    std::uint64_t voluntary_switches = 0;
    std::uint64_t involuntary_switches = 0;
    std::uint64_t processes = 0;
    std::uint64_t threads = 0;
    memory_use memory;
};

/// All clients connect and are answered once each.
struct connect_phase {
    std::uint64_t clients_asked = 0;
    std::uint64_t clients = 0;
    std::uint64_t failures = 0;
    double seconds = 0;
    double rate_per_s = 0;
    /// From connect() to the first answer.
    latency_summary latency;
    server_use server;
    double load_cpu_share = 0;
    double load_waiting_share = 0;
};

/// All clients connected, none sends.
struct idle_phase {
    std::uint64_t clients = 0;
    double seconds = 0;
    /// The server before the first client: what is subtracted to get the cost of a client.
    memory_use before;
    server_use server;
};

/// Requests and answers: closed loop, open loop and idle majority have the same form.
struct load_phase {
    std::uint64_t clients = 0;
    /// Clients that send; the others stay connected and silent.
    std::uint64_t active_clients = 0;
    /// Open loop: what was asked for. Absent in a closed loop.
    std::optional<double> rate_asked_per_s = {};
    std::uint64_t requests = 0;
    std::uint64_t errors = 0;
    double seconds = 0;
    double requests_per_s = 0;
    /// Open loop: from the moment the request was due, not from when it was sent.
    latency_summary latency = {};
    std::vector<histogram_bucket> histogram = {};
    server_use server = {};
    /// (user + system) / requests; absent when there was no request.
    std::optional<double> cpu_us_per_request = {};
    /// Of the busiest load generator: the CPU it used, and the share of the time in which it was
    /// ready to run and had none. Either one near 1: it measured itself.
    double load_cpu_share = 0;
    double load_waiting_share = 0;
    /// Open loop: how late the generator itself was with the requests of clients that were free.
    std::optional<double> load_lag_p99_us = {};
};

/// One client in a thousand trips a bug in the handler.
struct poison_phase {
    /// crash, overflow, abort, leak.
    std::string kind = {};
    std::uint64_t clients = 0;
    std::uint64_t poisoned = 0;
    /// Clients that lost their connection, the poisoned ones included.
    std::uint64_t died = 0;
    std::uint64_t survived = 0;
    bool server_died = false;
    /// The signal that ended the server; 0: none.
    int signal = 0;
    /// Clients' processes that the server saw end unasked; absent if it did not live to tell.
    std::optional<std::uint64_t> crashed = {};
    /// The last line that a server that died wrote to its standard error.
    std::string last_words = {};
    /// Whether the server answered the survivors and a new client afterwards.
    bool went_on = false;
    /// leak: private bytes of the servers that stayed after all clients were gone; absent when the
    /// kernel did not tell them.
    std::optional<std::uint64_t> leaked_bytes = {};
};

struct noise {
    /// Share of all CPUs' time that the hypervisor gave to others.
    double steal_percent = 0;
    /// Share of all CPUs' time used by processes that are not of this run.
    double foreign_percent = 0;
};

/// Of one repeat.
struct heard_noise : noise {
    /// Sentences that say what was disturbed; empty on a quiet machine.
    std::vector<std::string> flags;
};

struct repeat {
    /// Counts from 1.
    unsigned index = 1;
    struct outcome outcome;
    heard_noise noise;
    std::optional<connect_phase> connect;
    std::optional<idle_phase> idle;
    std::optional<load_phase> closed;
    std::optional<load_phase> open;
    std::optional<load_phase> idle_majority;
    std::optional<poison_phase> poison;
};

struct model_result {
    model_id model = model_id::process;
    struct outcome outcome;
    /// After scaling down; 0 when left out.
    std::uint64_t clients = 0;
    /// Processes that share the clients: on the server's side (in the process model: that accept
    /// and fork), and of the load generator.
    unsigned servers = 1;
    unsigned loads = 1;
    /// Kernel threads of each server; absent in the models without workers.
    std::optional<unsigned> workers = {};
    std::vector<repeat> repeats = {};
};

/// A primitive timed alone before or after the models. Known names: "thread.create" (create and
/// join), "thread.switch" (one direction of a ping-pong), "fiber.create" (create, run and join),
/// "fiber.switch" (one yield).
struct probe {
    std::string name;
    /// How many others of its kind were alive or runnable while it was timed.
    std::uint64_t live = 0;
    /// One figure per batch.
    std::vector<double> nanoseconds;
};

struct limit {
    std::string name;
    std::string value;
};

struct machine {
    std::string kernel;
    std::string cpu_model;
    unsigned cores = 0;
    std::uint64_t memory_bytes = 0;
    /// Empty: none known.
    std::string hypervisor;
    std::string compiler;
    std::vector<limit> limits;
};

/// Something that was not run as asked for.
struct adjustment {
    std::string what;
    std::string reason;
    /// The command that would lift it; may be empty.
    std::string lift;
};

struct run_info {
    /// ISO 8601 with the offset from UTC.
    std::string started_at;
    double elapsed_seconds = 0;
    std::string weft_version;
    std::string command_line;
    std::uint64_t seed = 0;
    unsigned repeats = 1;
    std::uint64_t clients_asked = 0;
    std::uint64_t clients = 0;
    std::uint64_t message_bytes = 0;
    /// As given: "echo", "compute:50", "sleep:1000".
    std::string handler;
    /// Of each load phase.
    double duration_seconds = 0;
    /// What a thread's stack reserves (RLIMIT_STACK or --thread-stack).
    std::uint64_t thread_stack_bytes = 0;
    std::uint64_t fiber_stack_bytes = 0;
    /// In which order the models ran, repeat after repeat.
    std::vector<model_id> order;
    bool interrupted = false;
    struct machine machine;
    struct noise noise;
    std::vector<adjustment> adjustments;
    std::vector<std::string> warnings;
};

struct results {
    run_info run;
    std::vector<model_result> models;
    std::vector<probe> probes;
};

/// Everything, with `schema_version`. Figures that are not finite become null.
nlohmann::json to_json(const results& value);

}  // namespace weft::lab
