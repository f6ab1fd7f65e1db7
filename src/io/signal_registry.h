// SPDX-License-Identifier: Apache-2.0
//
// Who gets which signals. The one place of weft that belongs to the process and not to a runtime,
// since the actions of signals do. Each signal_set has a place: which signals, and the pipe that
// they are written to.
//
// The handler may run at any time on any thread, beside remove(), and takes no lock. It marks a
// place as being used, then looks whether it is; remove() clears the place, then waits until
// nobody uses it, and only then closes the pipe. Both are sequentially consistent: either the
// handler sees that the place is cleared, or remove() sees the handler.
//
// The handler blocks all other signals, so that none of them, nor a preemption, can suspend it in
// there.
#pragma once

#include <sys/types.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <span>

#include "base/atomic.h"
#include "base/fd.h"
#include "base/spinlock.h"

namespace weft::io {

/// What is written to the pipe.
struct signal_record {
    std::int32_t signal;
    std::int32_t code;
    std::int32_t process;
    std::uint32_t user;
    std::int32_t value;
};

class signal_registry {
public:
    static signal_registry& instance() noexcept;

    /// From now on each of `signals` is written to `pipe`, which does not block. Its place, or an
    /// errno value, negated.
    int add(std::span<const int> signals, base::unique_fd pipe) noexcept;

    /// `place` is free again, and its pipe closed.
    void remove(int place) noexcept;

private:
    static constexpr int most_places = 64;
    static constexpr int signals_end = 65;

    struct place {
        base::atomic<std::uint64_t> signals{0};  // one bit for each; the lowest is that of 1
        base::atomic<int> pipe{-1};
        base::atomic<std::uint32_t> users{0};  // handlers that may write to the pipe
    };

    constexpr signal_registry() noexcept = default;

    static void handle(int signal, siginfo_t* info, void* context) noexcept;
    static bool is_ours(int signal) noexcept;
    void pass_on(const siginfo_t& info) noexcept;
    void forget_parent() noexcept WEFT_REQUIRES(lock_);
    int catch_all(std::uint64_t signals) noexcept WEFT_REQUIRES(lock_);
    void let_go(std::uint64_t signals) noexcept WEFT_REQUIRES(lock_);

    std::array<place, most_places> places_;
    base::atomic<pid_t> process_{0};  // whose signals these are: not those of a forked child
    base::spinlock lock_;             // guards what follows, and who has which place
    std::array<int, signals_end> uses_ WEFT_GUARDED_BY(lock_){};
    std::array<struct sigaction, signals_end> before_ WEFT_GUARDED_BY(lock_){};
};

}  // namespace weft::io
