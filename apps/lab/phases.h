// SPDX-License-Identifier: Apache-2.0
//
// The phases of `weft clients`: each runs on a model_rig, reads what the servers used meanwhile,
// and gives the record of results.h. One thread.
//
// The readings between two phases serve both: the end of one is the beginning of the next.
#pragma once

#include "clients_options.h"
#include "model_rig.h"
#include "results.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::lab {

enum class phase_kind { connect, idle, closed, open, idle_majority, poison };

/// "connect", "closed loop", ...: for the progress line.
std::string_view name_of(phase_kind kind) noexcept;

/// About how long it takes on a slow machine.
double expected_seconds(phase_kind kind, model_id model, const clients_options& options) noexcept;

/// What the two rounds say: who lives, and whether the server goes on as if nothing had happened.
void count_survivors(poison_phase& phase, const round_report& poisoned, const round_report& others,
                     bool answers_new_client);

/// Runs the phases of one visit to a model, in order.
class phase_runner {
public:
    phase_runner(const clients_options& options, const model_plan& plan, model_rig& rig)
        : options_(options), plan_(plan), rig_(rig) {}

    /// The servers before the first client. Call it first.
    step<void> begin();

    /// Runs one phase and fills its place in `into`. `rate`: of the open loop.
    step<void> run(phase_kind kind, double rate, repeat& into);

    /// What else used the CPUs since begin(); the flags name the worst phase, if it was too much.
    [[nodiscard]] heard_noise heard() const;

    /// What the report must say about how the phases went.
    [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }

private:
    step<void> connect(repeat& into);
    step<void> idle(repeat& into);
    step<load_phase> loop(phase_kind kind, double rate);
    step<void> poison(repeat& into);
    step<std::optional<std::uint64_t>> private_without_clients();
    step<std::optional<std::uint64_t>> settle();
    void count_crashes(poison_phase& phase);
    step<outcome> await_death();
    step<void> await_quiet();
    step<void> await_steady_memory();

    [[nodiscard]] readings read();
    void listen(phase_kind kind, const readings& before, const readings& after);
    void warn_about(phase_kind kind, const error_counts& errors);
    [[nodiscard]] std::string place(phase_kind kind) const;
    [[nodiscard]] std::chrono::nanoseconds grace() const;

    const clients_options& options_;
    const model_plan& plan_;
    model_rig& rig_;
    /// Before the first client, and at the end of the last phase.
    readings first_;
    readings last_;
    /// Kernel objects that the readings themselves left behind.
    std::uint64_t slab_of_readings_ = 0;
    struct disturbance {
        double percent = 0;
        phase_kind kind = phase_kind::connect;
    };
    disturbance most_stolen_;
    disturbance most_foreign_;
    std::vector<std::string> warnings_;
};

}  // namespace weft::lab
