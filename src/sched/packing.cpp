// SPDX-License-Identifier: Apache-2.0
#include "sched/packing.h"

#include <algorithm>

namespace weft::sched {

namespace {

using base::nanoseconds_t;

constexpr int of_average = 8;  // reports that a moving average is about

/// Permille.
int share_of(nanoseconds_t part, nanoseconds_t whole) noexcept {
    return static_cast<int>(
        std::clamp<nanoseconds_t>(1000 * part / std::max<nanoseconds_t>(whole, 1), 0, 1000));
}

}  // namespace

packing::packing(unsigned workers, bool enabled) noexcept
    : workers_(workers), enabled_(enabled && workers > 1), loads_(workers), needed_(workers) {}

bool packing::report(unsigned index, nanoseconds_t now, const sample& done) noexcept {
    if (!enabled_) {
        return false;
    }
    load& mine = loads_[index];
    const int share = share_of(done.cpu, done.elapsed);
    const auto before = static_cast<int>(mine.used.load(base::relaxed));
    mine.used.store(static_cast<unsigned>(before + (share - before) / of_average), base::relaxed);
    mine.reported_at.store(now, base::relaxed);

    const auto dispatches = static_cast<nanoseconds_t>(std::max<std::uint64_t>(done.dispatches, 1));
    const nanoseconds_t cost = done.cpu / dispatches;
    mine.cost += (cost - mine.cost) / of_average;
    const int waited = share_of(done.elapsed - done.cpu - done.slept, done.elapsed);
    mine.waited += (waited - mine.waited) / of_average;
    if (cost > patience) {
        return spread();
    }
    const unsigned wanted = needed_for(used_by_all(now));
    if (wanted > needed()) {
        return need(wanted);
    }
    if (calm_.load(base::relaxed) < calm_reports) {
        calm_.fetch_add(1, base::relaxed);
    } else {
        need(wanted);
    }
    if (packed()) {
        const nanoseconds_t wait = mine.waited > contended ? patience_when_contended : patience;
        queue_for_one_.store(static_cast<std::size_t>(std::max<nanoseconds_t>(
                                 wait / std::max<nanoseconds_t>(mine.cost, 1), 1)),
                             base::relaxed);
    }
    return false;
}

bool packing::spread() noexcept {
    calm_.store(0, base::relaxed);
    return need(workers_);
}

unsigned packing::needed_for(unsigned used) const noexcept {
    return std::clamp((used + full - 1) / full, 1U, workers_);
}

unsigned packing::used_by_all(nanoseconds_t now) const noexcept {
    unsigned sum = 0;
    for (const load& each : loads_) {
        if (now - each.reported_at.load(base::relaxed) < lasting) {
            sum += each.used.load(base::relaxed);
        }
    }
    return sum;
}

/// True if that is more than before.
bool packing::need(unsigned count) noexcept {
    if (count == workers_) {
        queue_for_one_.store(1, base::relaxed);
    }
    return needed_.exchange(count, base::relaxed) < count;
}

}  // namespace weft::sched
