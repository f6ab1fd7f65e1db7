// SPDX-License-Identifier: Apache-2.0
//
// Many handshakes at a time, which compute, beside a fiber that wants to run each millisecond. Its
// gaps are measured in CPU time of this process: what else the machine does is not in them.
#include <gtest/gtest.h>
#include <time.h>
#include <weft/fiber.h>
#include <weft/runtime.h>
#include <weft/tls.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "tls_support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using std::chrono::nanoseconds;

nanoseconds process_cpu_time() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return std::chrono::seconds(used.tv_sec) + nanoseconds(used.tv_nsec);
}

/// Full handshakes by RSA, no sessions.
class handshakes {
public:
    /// Of so many pairs, each side on a fiber of its own.
    void run_at_once(int count) {
        std::vector<tls_pair> pairs;
        for (int i = 0; i < count; ++i) {
            pairs.push_back(connect_tls(client_, server_));
        }
        std::vector<fiber> fibers;
        for (tls_pair& pair : pairs) {
            fibers.emplace_back([&] { EXPECT_TRUE(pair.client.handshake(safety_net)); });
            fibers.emplace_back([&] { EXPECT_TRUE(pair.server.handshake(safety_net)); });
        }
    }

private:
    authority root_{"Test Root"};
    tls_context server_{
        server_of({.certificates = {root_.issue({.rsa = true})}, .session_tickets = false})};
    tls_context client_{client_of({.ca_pem = root_.pem(), .session_cache = 0})};
};

struct storm_report {
    nanoseconds longest_gap{};  ///< between two runs of the fiber that sleeps for 1 ms
    nanoseconds computed{};     ///< by the whole storm
};

storm_report storm(const runtime_options& options) {
    handshakes work;
    return run(options, [&] {
        storm_report out;
        std::atomic<bool> over{false};
        fiber sleeper([&] {
            for (nanoseconds last = process_cpu_time(); !over;) {
                ASSERT_TRUE(this_fiber::sleep_for(1ms));
                const nanoseconds now = process_cpu_time();
                out.longest_gap = std::max(out.longest_gap, now - last);
                last = now;
            }
        });
        const nanoseconds begin = process_cpu_time();
        while (out.computed < 600ms) {
            work.run_at_once(25);
            out.computed = process_cpu_time() - begin;
        }
        over = true;
        sleeper.join();
        return out;
    });
}

class TlsStorm : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Preempts, TlsStorm, ::testing::Bool());

// Fibers that have just begun have had nothing yet: who wakes waits for a turn of each that is
// there already. A turn is a signature, or a slice.
TEST_P(TlsStorm, OthersWaitForATurnOfEachNewConnection) {
    const storm_report seen = storm({.workers = 1, .preempt = GetParam()});
    RecordProperty("longest_gap_us", std::to_string(seen.longest_gap / 1us));
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    EXPECT_GT(seen.longest_gap, 0ms);  // how long a signature takes there says nothing
#else
    EXPECT_LE(seen.longest_gap, 200ms) << "50 fibers, 4 ms each";
#endif
}

}  // namespace
}  // namespace weft
