// SPDX-License-Identifier: Apache-2.0
//
// For tests that a call lets other fibers run: there is one kernel thread for all of them, and
// nothing takes it away from who blocks. A call that blocks it never returns.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <weft/fiber.h>
#include <weft/runtime.h>

namespace weft::testing {

inline constexpr std::size_t large = std::size_t{1}
                                     << 20;  ///< more than any buffer of the kernel's
inline constexpr int ten_minutes = 600'000;  ///< in milliseconds: nobody waits so long

inline const runtime_options one_kernel_thread{.workers = 1, .preempt = false};

/// Runs all of them at the same time, on fibers of one kernel thread.
inline void run_together(std::vector<std::function<void()>> bodies) {
    runtime home(one_kernel_thread);
    std::vector<fiber> fibers;
    for (auto& body : bodies) {
        fibers.push_back(home.spawn(std::move(body)));
    }
    for (fiber& each : fibers) {
        each.join();
    }
}

/// Two descriptors that are closed at the end.
class descriptor_pair {
public:
    enum class kind { stream, datagram, pipe };

    explicit descriptor_pair(kind which = kind::stream) {
        const int error =
            which == kind::pipe
                ? ::pipe(ends_)
                : ::socketpair(AF_UNIX, which == kind::stream ? SOCK_STREAM : SOCK_DGRAM, 0, ends_);
        EXPECT_EQ(error, 0);
    }
    ~descriptor_pair() {
        close_near();
        close_far();
    }
    descriptor_pair(const descriptor_pair&) = delete;
    descriptor_pair& operator=(const descriptor_pair&) = delete;

    /// Of a pipe: where it is read.
    [[nodiscard]] int near() const { return ends_[0]; }
    /// Of a pipe: where it is written.
    [[nodiscard]] int far() const { return ends_[1]; }

    void close_near() { close(ends_[0]); }
    void close_far() { close(ends_[1]); }

private:
    static void close(int& end) {
        if (end >= 0) {
            ::close(end);
        }
        end = -1;
    }

    int ends_[2] = {-1, -1};
};

}  // namespace weft::testing
