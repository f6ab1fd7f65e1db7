// SPDX-License-Identifier: Apache-2.0
//
// packing: how many workers a scheduler needs for what it has to do. The others stand by: they wait
// where no event reaches them, until somebody calls them (docs/adr/0006).
//
// Each worker reports, about every millisecond that it is awake in, what it has used and in how
// many dispatches. Work is *light* while a dispatch takes less than `patience`: then to wait for a
// worker that is awake takes no longer than to wake another one, and costs nothing. Light work is
// given to as few workers as can do it with some of their time left; heavy work to all.
//
// Thread safety: report() by the worker that it names; everything from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/atomic.h"
#include "base/clock.h"

namespace weft::sched {

class packing {
public:
    /// Of one worker, since its last report.
    struct sample {
        base::nanoseconds_t elapsed = 0;
        base::nanoseconds_t cpu = 0;    // that it has used
        base::nanoseconds_t slept = 0;  // the rest the kernel gave to others
        std::uint64_t dispatches = 0;
    };

    /// Not `enabled`: all are needed at all times.
    packing(unsigned workers, bool enabled) noexcept;

    /// What worker `index` has done by `now`. True if more workers are needed than before.
    bool report(unsigned index, base::nanoseconds_t now, const sample& done) noexcept;

    /// Something computes: all are needed, until reports have said for a while that work is light.
    /// True if fewer were before.
    bool spread() noexcept;

    /// How many workers are needed, at least 1.
    [[nodiscard]] unsigned needed() const noexcept { return needed_.load(base::relaxed); }

    /// Whether some may stand by.
    [[nodiscard]] bool packed() const noexcept { return needed() < workers_; }

    /// As long as a worker has no more than this queued nobody is woken for it.
    [[nodiscard]] std::size_t queue_for_one() const noexcept {
        return queue_for_one_.load(base::relaxed);
    }

    /// How long work may wait for a worker that is awake: twice what it takes on a virtual machine
    /// until a CPU that sleeps has woken up (25 us, see worker_search.cpp).
    static constexpr base::nanoseconds_t patience = 50'000;
    /// The same while the kernel gives more than `contended` of its time to others: a second one
    /// would wait for a CPU, too.
    static constexpr base::nanoseconds_t patience_when_contended = 2'000'000;
    static constexpr int contended = 250;  // permille
    /// Of how much of its time a worker is in use before another one is needed.
    static constexpr unsigned full = 700;  // permille
    static constexpr unsigned calm_reports = 4;
    /// A report counts for so long.
    static constexpr base::nanoseconds_t lasting = 20'000'000;

private:
    /// Written by its worker.
    struct alignas(64) load {
        base::atomic<unsigned> used{0};  // permille, a moving average
        base::atomic<base::nanoseconds_t> reported_at{0};
        // Likewise:
        base::nanoseconds_t cost = patience;  // of a dispatch
        int waited = 0;                       // permille, for a CPU
    };

    [[nodiscard]] unsigned needed_for(unsigned used) const noexcept;
    [[nodiscard]] unsigned used_by_all(base::nanoseconds_t now) const noexcept;
    bool need(unsigned count) noexcept;

    const unsigned workers_;
    const bool enabled_;
    std::vector<load> loads_;
    base::atomic<unsigned> needed_;
    base::atomic<std::size_t> queue_for_one_{1};
    base::atomic<unsigned> calm_{0};  // reports of light work in a row
};

}  // namespace weft::sched
