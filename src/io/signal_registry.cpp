// SPDX-License-Identifier: Apache-2.0
#include "io/signal_registry.h"

#include <sched.h>
#include <unistd.h>

#include <utility>

#include <weft/errno.h>

#include "base/signal_mask.h"
#include "base/thread_block.h"

namespace weft::io {

namespace {

constexpr std::uint64_t bit_of(int signal) noexcept {
    return std::uint64_t{1} << (signal - 1);
}

constexpr bool contains(std::uint64_t signals, int signal) noexcept {
    return (signals & bit_of(signal)) != 0;
}

/// 0 if one of them is none that can be waited for.
std::uint64_t bits_of(std::span<const int> signals) noexcept {
    std::uint64_t bits = 0;
    for (const int signal : signals) {
        const bool exists =
            signal >= 1 && (signal < 32 || (signal >= SIGRTMIN && signal <= SIGRTMAX));
        if (!exists || signal == SIGKILL || signal == SIGSTOP || signal == SIGURG) {
            return 0;
        }
        const sigset_t waitable = base::all_but_faults();
        if (::sigismember(&waitable, signal) != 1) {
            return 0;
        }
        bits |= bit_of(signal);
    }
    return bits;
}

signal_record record_of(const siginfo_t& info) noexcept {
    signal_record record{
        .signal = info.si_signo, .code = info.si_code, .process = 0, .user = 0, .value = 0};
    if (info.si_signo == SIGCHLD && info.si_code > 0) {
        record.process = info.si_pid;
        record.user = info.si_uid;
        record.value = info.si_status;
    } else if (info.si_code == SI_USER || info.si_code == SI_TKILL || info.si_code == SI_QUEUE) {
        record.process = info.si_pid;
        record.user = info.si_uid;
        record.value = info.si_code == SI_QUEUE ? info.si_value.sival_int : 0;
    }
    return record;
}

}  // namespace

signal_registry& signal_registry::instance() noexcept {
    static constinit signal_registry registry;
    return registry;
}

void signal_registry::handle(int signal, siginfo_t* info, void*) noexcept {
    // So that write() is the kernel's, also where weft::posix stands in for it.
    const base::preemption_disabled on_this_thread;
    const int error = errno;
    signal_registry& self = instance();
    if (self.process_.load(base::relaxed) == ::getpid()) {
        self.pass_on(*info);
    } else {
        // Happens when the handler returns.
        ::signal(signal, SIG_DFL);
        ::raise(signal);
    }
    errno = error;
}

void signal_registry::pass_on(const siginfo_t& info) noexcept {
    const signal_record record = record_of(info);
    const std::uint64_t bit = bit_of(info.si_signo);
    for (place& one : places_) {
        if ((one.signals.load(base::relaxed) & bit) == 0) {
            continue;
        }
        one.users.fetch_add(1, base::seq_cst);
        if ((one.signals.load(base::seq_cst) & bit) != 0) {
            // If it is full the signal is lost, as one that was pending already.
            [[maybe_unused]] const auto written =
                ::write(one.pipe.load(base::relaxed), &record, sizeof record);
        }
        one.users.fetch_sub(1, base::seq_cst);
    }
}

/// Whether it is caught here now: the program may have changed that.
bool signal_registry::is_ours(int signal) noexcept {
    struct sigaction now{};
    ::sigaction(signal, nullptr, &now);
    return (now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == &handle;
}

/// In a forked child: the pipes lead to the parent, and what the parent caught does what it does by
/// default, as it has since the fork().
void signal_registry::forget_parent() noexcept {
    const pid_t here = ::getpid();
    if (process_.load(base::relaxed) == here) {
        return;
    }
    for (place& one : places_) {
        one.signals.store(0, base::seq_cst);
        one.pipe.store(-1, base::relaxed);
        one.users.store(0, base::seq_cst);
    }
    struct sigaction by_default{};
    by_default.sa_handler = SIG_DFL;
    for (int signal = 1; signal < signals_end; ++signal) {
        if (std::exchange(uses_[static_cast<std::size_t>(signal)], 0) != 0 && is_ours(signal)) {
            ::sigaction(signal, &by_default, nullptr);
        }
    }
    process_.store(here, base::relaxed);
}

int signal_registry::catch_all(std::uint64_t signals) noexcept {
    struct sigaction ours{};
    ours.sa_sigaction = &handle;
    ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    ours.sa_mask = base::all_but_faults();
    int error = 0;
    for (int signal = 1; signal < signals_end; ++signal) {
        const auto index = static_cast<std::size_t>(signal);
        if (contains(signals, signal) && uses_[index]++ == 0 &&
            ::sigaction(signal, &ours, &before_[index]) != 0) {
            error = errno;
        }
    }
    return error;
}

void signal_registry::let_go(std::uint64_t signals) noexcept {
    for (int signal = 1; signal < signals_end; ++signal) {
        const auto index = static_cast<std::size_t>(signal);
        if (!contains(signals, signal) || --uses_[index] != 0) {
            continue;
        }
        if (is_ours(signal)) {
            ::sigaction(signal, &before_[index], nullptr);
        }
    }
}

int signal_registry::add(std::span<const int> signals, base::unique_fd pipe) noexcept {
    const std::uint64_t bits = bits_of(signals);
    if (bits == 0) {
        return -EINVAL;
    }
    int free = 0;
    {
        const base::spin_guard guard(lock_);
        forget_parent();
        while (free < most_places &&
               places_[static_cast<std::size_t>(free)].pipe.load(base::relaxed) >= 0) {
            ++free;
        }
        if (free == most_places) {
            return -EAGAIN;
        }
        place& one = places_[static_cast<std::size_t>(free)];
        one.pipe.store(pipe.release(), base::relaxed);
        one.signals.store(bits, base::seq_cst);
        if (const int error = catch_all(bits)) {
            let_go(bits);
            one.signals.store(0, base::seq_cst);
            pipe.reset(one.pipe.exchange(-1, base::relaxed));
            return -error;
        }
    }
    sigset_t wanted;
    ::sigemptyset(&wanted);
    for (const int signal : signals) {
        ::sigaddset(&wanted, signal);
    }
    ::pthread_sigmask(SIG_UNBLOCK, &wanted, nullptr);
    return free;
}

void signal_registry::remove(int index) noexcept {
    place& one = places_[static_cast<std::size_t>(index)];
    {
        const base::spin_guard guard(lock_);
        if (process_.load(base::relaxed) != ::getpid()) {
            return;
        }
        let_go(one.signals.exchange(0, base::seq_cst));
    }
    while (one.users.load(base::seq_cst) != 0) {
        ::sched_yield();
    }
    const base::unique_fd pipe(one.pipe.load(base::relaxed));
    one.pipe.store(-1, base::release);
}

}  // namespace weft::io
