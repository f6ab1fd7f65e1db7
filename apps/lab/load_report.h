// SPDX-License-Identifier: Apache-2.0
//
// What a load process reports after a phase, and its form on the control channel. Plain data: any
// thread, any time. Reports of several load processes that ran the same phase merge into one.
#pragma once

#include "histogram.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace weft::lab {

/// Why a client did not get its answer.
enum class load_error {
    /// Nobody listens, or the listener's queue is full.
    refused,
    /// The server's end was reset.
    reset,
    /// The server closed the connection before the answer was complete.
    closed,
    /// No answer before the phase's deadline.
    timed_out,
    /// The answer was not what had been sent.
    corrupt,
    /// No free port or address on this side.
    no_address,
    /// No free descriptor on this side.
    no_descriptor,
    other,
};

inline constexpr std::size_t load_error_count = 8;

[[nodiscard]] std::string_view name_of(load_error error) noexcept;

class error_counts {
public:
    void add(load_error error, std::uint64_t times = 1) noexcept {
        counts_[static_cast<std::size_t>(error)] += times;
    }
    [[nodiscard]] std::uint64_t operator[](load_error error) const noexcept {
        return counts_[static_cast<std::size_t>(error)];
    }
    [[nodiscard]] std::uint64_t total() const noexcept;
    void merge(const error_counts& other) noexcept;

private:
    std::array<std::uint64_t, load_error_count> counts_{};
};

/// "3 refused, 1 timed_out"; empty without errors.
std::string text_of(const error_counts& errors);

/// How much of one CPU the generator used while it measured, and how long it was runnable but had
/// to wait for a CPU: the two ways in which it can be the bottleneck.
struct generator_use {
    double cpu_share = 0;
    double waiting_share = 0;
};

struct connect_report {
    std::uint64_t asked = 0;
    /// Connected and answered once.
    std::uint64_t clients = 0;
    double seconds = 0;
    /// From connect() to the first answer.
    histogram latency;
    error_counts errors;
    generator_use use;
    bool interrupted = false;

    void merge(const connect_report& other);
};

struct loop_report {
    std::uint64_t clients = 0;
    std::uint64_t active = 0;
    /// Answers in the measured window.
    std::uint64_t requests = 0;
    /// Answers in the whole phase, warm-up and tail included: what the server's CPU time of the
    /// whole phase is divided by.
    std::uint64_t requests_in_all = 0;
    /// Length of the measured window.
    double seconds = 0;
    histogram latency;
    /// Open loop: how late requests left although their client was free: the generator's own delay.
    histogram lag;
    error_counts errors;
    generator_use use;
    bool interrupted = false;

    /// Of processes that ran the phase side by side.
    void merge(const loop_report& other);
};

/// One message from each of some clients.
struct round_report {
    std::uint64_t asked = 0;
    std::uint64_t answered = 0;
    error_counts errors;
    bool interrupted = false;

    void merge(const round_report& other);
};

nlohmann::json to_json(const connect_report& report);
nlohmann::json to_json(const loop_report& report);
nlohmann::json to_json(const round_report& report);

/// Throw nlohmann::json::exception when a member is missing or of another type: the channel is
/// between two processes of one program, so the caller treats that as the peer's failure.
connect_report connect_report_from(const nlohmann::json& document);
loop_report loop_report_from(const nlohmann::json& document);
round_report round_report_from(const nlohmann::json& document);

}  // namespace weft::lab
