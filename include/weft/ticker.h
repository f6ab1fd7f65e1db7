// SPDX-License-Identifier: Apache-2.0
//
// ticker: something to be done at regular times, without drift; after Go's time.Ticker.
//
//     weft::ticker every(10ms);
//     while (const auto missed = every.wait()) {
//         sample();                                // at 10 ms, 20 ms, 30 ms ... from the start
//     }
//
// The ticks lie on a grid that is fixed when the ticker is made: how long the work takes and how
// late a wake-up comes moves none of them. A loop around sleep_for() adds both up.
//
// Who is slower than the ticks does not get them all at once afterwards. One is kept, those after
// it are missed, as in Go: the next wait() returns at once and says how many were, and the one
// after that waits for the next tick of the grid. Work that takes 24 ms of every 10 ms thus begins
// at 10, 34, 58 ... ms; where it should begin on the grid, skip: `if (*missed > 0) continue;`.
//
// Wake-ups are never early, and late as those of this_fiber::sleep_until(). The clock is
// weft::clock, which stands still while the machine sleeps.
#pragma once

#include <concepts>
#include <cstdint>
#include <utility>

#include <weft/detail/select_case.h>
#include <weft/error.h>
#include <weft/task.h>
#include <weft/time.h>

namespace weft {

/// A plain value: it has no thread, descriptor or memory of its own, and nothing happens while
/// nobody waits. Not thread-safe.
class ticker {
public:
    /// The first tick is one period from now. Throws std::invalid_argument unless period > 0.
    explicit ticker(clock::duration period);

    /// The first tick is at `first`.
    ticker(clock::duration period, clock::time_point first);

    /// Waits for the next tick. Returns how many were missed since the one before. After a failure
    /// no tick is lost.
    result<std::uint64_t> wait(deadline until = {});

    /// A new grid, from now on. Throws std::invalid_argument.
    void reset(clock::duration period);

    /// The tick for which wait() waits.
    [[nodiscard]] clock::time_point next() const noexcept { return next_at().time(); }
    /// From one tick of the grid to the next.
    [[nodiscard]] clock::duration period() const noexcept {
        return std::chrono::duration_cast<clock::duration>(std::chrono::nanoseconds(period_));
    }

    /// What waiting is made of: the next tick, whether it has come, and taking it and all that have
    /// come since: how many those are.
    [[nodiscard]] deadline next_at() const noexcept { return clock_time(next_); }
    [[nodiscard]] bool is_due() const noexcept { return next_at().expired(); }
    std::uint64_t take() noexcept;

private:
    static deadline clock_time(std::int64_t nanoseconds) noexcept {
        return clock::time_point(
            std::chrono::duration_cast<clock::duration>(std::chrono::nanoseconds(nanoseconds)));
    }

    std::int64_t period_;
    std::int64_t next_;  // nanoseconds of the clock
};

namespace sync {

/// A tick as a case of a select.
template <class Handler>
class tick_case final : public select_source {
public:
    tick_case(ticker& of, Handler handler) : ticker_(&of), handler_(std::move(handler)) {}

    void run() override { handler_(missed_); }

private:
    void begin() noexcept override {}
    void end(bool taken) noexcept override { missed_ = taken ? ticker_->take() : 0; }
    bool is_ready(bool) noexcept override { return ticker_->is_due(); }
    bool add(sched::waiter&) noexcept override { return true; }  // see wakes_at()
    void remove() noexcept override {}
    [[nodiscard]] deadline wakes_at() const noexcept override { return ticker_->next_at(); }
    [[nodiscard]] pollfd poll_entry() const noexcept override {
        return {.fd = -1, .events = 0, .revents = 0};
    }

    ticker* ticker_;
    std::uint64_t missed_ = 0;
    Handler handler_;
};

}  // namespace sync

/// A case of weft::select(): the next tick has come. `handler(missed)`: as ticker::wait() returns
/// it.
template <std::invocable<std::uint64_t> Handler>
[[nodiscard]] auto on_tick(ticker& of, Handler handler) {
    return sync::tick_case<Handler>(of, std::move(handler));
}

namespace co {

/// As ticker::wait.
task<result<std::uint64_t>> wait(ticker& of, deadline until = {});

}  // namespace co

}  // namespace weft
