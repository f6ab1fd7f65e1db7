// SPDX-License-Identifier: Apache-2.0
//
// The list of figures that the reports show, each with how it is computed from one repeat, and
// their medians per model. The terminal, the HTML and the verdicts all read this list: what one
// prints, the others print. Pure functions over results; any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "results.h"
#include "statistics.h"
#include "units.h"

namespace weft::lab {

enum class better { less, more, neither };

/// What belongs together under one heading.
enum class metric_group { idle, connect, closed, open, idle_majority };

struct metric {
    /// Stable name, used in the JSON summary: "idle.user_bytes".
    std::string_view id;
    std::string_view label;
    metric_group group;
    lab::unit unit;
    lab::better better;
    /// Of one repeat; nothing when that was not measured.
    std::optional<double> (*value)(const repeat&);
    /// Whether the terminal shows it; the HTML shows all.
    bool brief;
};

/// In the order in which they are shown.
std::span<const metric> metrics() noexcept;

/// Asserts nothing: null for a name that does not exist.
const metric* find_metric(std::string_view id) noexcept;

/// "an idle client", "closed loop: every client as fast as it can", with this run's figures.
std::string title_of(metric_group group, const results& run);

const model_result* find_model(const results& run, model_id model) noexcept;

/// Over all repeats of the model in which it was measured.
std::optional<estimate> estimate_of(const model_result& model, const metric& metric);
/// The same by names; nothing when the model is not part of the run.
std::optional<estimate> estimate_of(const results& run, model_id model, std::string_view id);

/// For each of `values` whether it is the best or cannot be told from the best, because their
/// min..max overlap. All false when fewer than two are there or `direction` is neither.
std::vector<bool> best_of(std::span<const std::optional<estimate>> values, better direction);

/// The growth of one kind of memory per client between the empty server and the idle clients, of
/// one repeat; never below zero.
std::optional<double> growth_per_client(const idle_phase& phase,
                                        std::optional<std::uint64_t> memory_use::* kind) noexcept;

/// What one signal is called: "SIGSEGV"; "signal 77" when it has no name here.
std::string signal_name(int signal);

/// One sentence for a model that was not measured in full; empty when it was.
std::string sentence_of(const outcome& how);
/// "8,000 clients instead of 10,000 for thread: ...; to lift it: ...".
std::string sentence_of(const adjustment& change);
/// "10,000 clients, 64 bytes, echo, 2 repeats, seed 1", and whether it was interrupted.
std::string request_of(const run_info& run);
/// "A CPU, 2 cores, 16 GiB, Linux 6.1.0, virtual (QEMU)".
std::string machine_of(const machine& here);
/// "52 k/s +-5%": the median, and with several repeats the farthest of them.
std::string text_of(const estimate& value, unit in, symbols set);
/// One sentence for each model, repeat and limit that made the run less than what was asked for.
std::vector<std::string> not_as_asked_for(const results& run);

/// "fiber: 3 servers with 1 worker each, 3 load generators".
std::string processes_of(const model_result& model);
/// Whether the server went on after the poison: "no: the server died (SIGSEGV)".
std::string sentence_of(const poison_phase& phase);

/// What the run says in one sentence; empty when fewer than two models were measured.
std::string headline_of(const results& run);

/// Sentences on what disturbed the run; empty on a quiet machine.
std::vector<std::string> disturbances_of(const results& run);

/// One sentence for each phase in which the load generator may have measured itself.
std::vector<std::string> generator_warnings(const results& run);

}  // namespace weft::lab
