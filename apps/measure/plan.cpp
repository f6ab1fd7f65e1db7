// SPDX-License-Identifier: Apache-2.0
#include "plan.h"

#include <algorithm>
#include <random>

#include <fmt/format.h>
#include <fnmatch.h>

namespace weft::measure {

namespace {

bool fits(const std::string& word, std::string_view name) {
    return ::fnmatch(word.c_str(), std::string(name).c_str(), FNM_CASEFOLD) == 0;
}

bool fits(const std::string& word, const probe& one) {
    return fits(word, one.name) ||
           std::ranges::any_of(one.claims, [&](auto claim) { return fits(word, claim); }) ||
           std::ranges::any_of(one.figures, [&](const auto& f) { return fits(word, f.id); });
}

}  // namespace

std::expected<std::vector<const probe*>, std::string> choose_probes(std::string_view words) {
    std::vector<bool> chosen(all_probes().size(), words.empty());
    while (!words.empty()) {
        const std::string word(words.substr(0, words.find(',')));
        words.remove_prefix(std::min(word.size() + 1, words.size()));
        bool any = false;
        for (std::size_t i = 0; i < chosen.size(); ++i) {
            const bool fitting = fits(word, all_probes()[i]);
            chosen[i] = chosen[i] || fitting;
            any = any || fitting;
        }
        if (!any) {
            return std::unexpected(fmt::format(
                "'{}' is no probe, figure or claim; weft measure --list names them", word));
        }
    }
    std::vector<const probe*> probes;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        if (chosen[i]) {
            probes.push_back(&all_probes()[i]);
        }
    }
    return probes;
}

double seconds_of(const run_plan& plan, const probe& probe) {
    double all = 0;
    for (const auto& one : all_probes()) {
        all += one.seconds;
    }
    const double budget = (plan.quick ? quick_seconds : full_seconds) / plan.rounds;
    return budget * probe.seconds / all;
}

bool affords_another(const run_plan& plan, const probe& probe, unsigned rounds, double seconds) {
    const unsigned least = plan.quick ? 2 : 3;  // of two the interval is wide, of one unknown
    constexpr double overdraft = 1.5;
    if (rounds < least || plan.all_rounds) {
        return true;
    }
    const double expected = seconds * (rounds + 1) / rounds;
    return expected <= overdraft * seconds_of(plan, probe) * plan.rounds;
}

std::vector<const probe*> order_of(const run_plan& plan, unsigned round) {
    auto order = plan.probes;
    std::mt19937_64 random(plan.seed * 1'000'003 + round);
    for (std::size_t i = order.size(); i > 1; --i) {
        std::swap(order[i - 1], order[random() % i]);
    }
    return order;
}

}  // namespace weft::measure
