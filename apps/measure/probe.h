// SPDX-License-Identifier: Apache-2.0
//
// A probe measures one thing, in a process of its own that has no other threads, as often as it is
// asked: each time is a round. It knows nothing of claims, statistics or reports.
//
// To add one: a file in probes/, its function in probes/probes.h, a line in probe_list.cpp, a test
// in probes_test.cpp that injects a known cost, and a paragraph in docs/measuring.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "figure.h"

namespace weft::measure {

/// One round of a probe: how long it may take, and where its findings go.
class probe_round {
public:
    probe_round(double seconds, bool quick, std::uint64_t seed, std::filesystem::path folder = {})
        : seconds_(seconds), folder_(std::move(folder)), seed_(seed), quick_(quick) {}
    /// As this one, but nothing is found yet.
    [[nodiscard]] probe_round anew() const { return probe_round(seconds_, quick_, seed_, folder_); }

    /// About how long the round may take. A bound, not a goal: one that is sure earlier ends
    /// earlier.
    [[nodiscard]] double seconds() const noexcept { return seconds_; }
    /// Fewer points on each axis.
    [[nodiscard]] bool quick() const noexcept { return quick_; }
    [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
    /// For files; the same one in all rounds of a run. Empty: there is none.
    [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }
    /// The places on an axis: the former in a full run, the latter in a quick one.
    [[nodiscard]] std::vector<std::size_t> places(std::initializer_list<std::size_t> full,
                                                  std::initializer_list<std::size_t> quick) const {
        return quick_ ? quick : full;
    }

    void add(std::string_view figure, double at, std::vector<double> samples) {
        if (!samples.empty()) {
            found_.records.push_back(
                {.figure = std::string(figure), .at = at, .samples = std::move(samples)});
        }
    }
    void add(std::string_view figure, std::vector<double> samples) {
        add(figure, 0, std::move(samples));
    }
    void tell(std::string name, std::string text) {
        found_.facts.push_back({.name = std::move(name), .text = std::move(text)});
    }

    /// The map of a process.
    void draw(std::vector<address_part> map) { found_.map = std::move(map); }

    /// Takes over what another process found for this round.
    void merge(findings found) {
        for (record& one : found.records) {
            found_.records.push_back(std::move(one));
        }
        for (fact& one : found.facts) {
            found_.facts.push_back(std::move(one));
        }
        if (!found.map.empty()) {
            found_.map = std::move(found.map);
        }
    }

    [[nodiscard]] const findings& found() const noexcept { return found_; }

private:
    double seconds_;
    std::filesystem::path folder_;
    std::uint64_t seed_;
    bool quick_;
    findings found_;
};

/// Why a probe cannot run here, and the command that would let it; the latter may be empty.
struct obstacle {
    std::string reason;
    std::string lift;
};

struct probe {
    std::string_view name;  ///< "fork"
    std::string_view what;  ///< one line
    std::string_view how;   ///< what exactly is timed, for --explain
    std::vector<std::string_view> claims;
    std::vector<figure_info> figures;
    double seconds;                        ///< of a full round
    std::optional<obstacle> (*why_not)();  ///< null: it runs everywhere
    /// Throws std::system_error when the system refuses something.
    void (*run)(probe_round& round);
};

/// In the order in which they are listed.
std::span<const probe> all_probes();

/// Null: there is none of this name.
const probe* find_probe(std::string_view name);

}  // namespace weft::measure
