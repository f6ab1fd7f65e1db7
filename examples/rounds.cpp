// SPDX-License-Identifier: Apache-2.0
//
// How does heat spread along a rod? Workers compute a part of it each, in rounds: nobody begins one
// before all have ended the last. After SECONDS they must be done.
//     rounds WORKERS [CELLS [SECONDS]]
#include <weft/latch.h>
#include <weft/runtime.h>
#include <weft/scope.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

static int spread(std::size_t workers, std::size_t cells, std::chrono::seconds patience) {
    std::vector<double> now(cells + 2), next(cells + 2);
    now.front() = next.front() = 100;  // one end is hot, the other one cold
    std::vector<double> changes(workers);
    weft::event settled;
    // Called by the last that arrives, while the others wait: it needs no lock.
    weft::barrier round(static_cast<std::ptrdiff_t>(workers), [&]() noexcept {
        std::swap(now, next);
        if (*std::max_element(changes.begin(), changes.end()) < 1e-6) {
            settled.set();
        }
    });
    return weft::with_scope([&](weft::scope& s) {
        for (std::size_t me = 0; me < workers; ++me) {
            s.spawn([&, me] {
                const std::size_t begin = 1 + cells * me / workers;
                const std::size_t end = 1 + cells * (me + 1) / workers;
                do {
                    changes[me] = 0;
                    for (std::size_t i = begin; i < end; ++i) {
                        next[i] = (now[i - 1] + now[i + 1]) / 2;
                        changes[me] = std::max(changes[me], std::abs(next[i] - now[i]));
                    }
                    // All see the same round, so all leave together; but for a stop, which ends
                    // waits.
                } while (round.arrive_and_wait(weft::deadline::never()) && !settled.is_set() &&
                         !weft::this_fiber::stop_requested());
            });
        }
        const bool done = settled.wait(patience).has_value();
        s.request_stop();
        std::puts(done ? "settled" : "not settled in time");
        return done ? 0 : 1;
    });
}

int main(int argc, char** argv) {
    const auto number = [&](int i, int usual) {
        return static_cast<std::size_t>(argc > i ? std::atoi(argv[i]) : usual);
    };
    const std::chrono::seconds patience(number(3, 60));
    return weft::run([&] { return spread(number(1, 4), number(2, 50), patience); });
}
