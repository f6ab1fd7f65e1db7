// SPDX-License-Identifier: Apache-2.0
#include "serve/process_server.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "serve/acceptor.h"
#include "serve/pid_set.h"
#include "serve/process_child.h"
#include "serve/stop_event.h"
#include "serve/stop_signals.h"
#include "serve/sweep_schedule.h"

namespace weft::serving {

namespace {

constexpr base::nanoseconds_t ms = 1'000'000;

/// Children that are reaped without being waited for (SIGCHLD ignored) leave no exit status.
class child_signal_disposition {
public:
    child_signal_disposition() noexcept {
        ::sigaction(SIGCHLD, nullptr, &before_);
        if (before_.sa_handler == SIG_IGN || (before_.sa_flags & SA_NOCLDWAIT) != 0) {
            struct sigaction action = {};
            action.sa_handler = SIG_DFL;
            changed_ = ::sigaction(SIGCHLD, &action, nullptr) == 0;
        }
    }
    child_signal_disposition(const child_signal_disposition&) = delete;
    child_signal_disposition& operator=(const child_signal_disposition&) = delete;
    ~child_signal_disposition() {
        if (changed_) {
            ::sigaction(SIGCHLD, &before_, nullptr);
        }
    }

private:
    struct sigaction before_ = {};
    bool changed_ = false;
};

/// Whether a child has ended, or is not to be waited for any more. It is not reaped.
bool has_ended(pid_t pid) noexcept {
    siginfo_t info = {};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid != 0;
}

class process_server {
public:
    process_server(io::poll_descriptor& listener, const handler& serve_client,
                   const serve_options& options, pid_set children, stop_signals signals,
                   const stop_event& stop)
        : listener_(listener),
          serve_client_(serve_client),
          options_(options),
          state_(options),
          children_(std::move(children)),
          signals_(std::move(signals)),
          stop_(stop),
          keep_(options.keep_descriptors) {
        std::ranges::sort(keep_);
    }

    result<void> run() {
        result<void> end;
        while (!stop_requested_ && end) {
            end = step();
        }
        drain();
        return end;
    }

private:
    result<void> step() {
        if (!wait(pause_until_ == 0, std::min(sweep_due(), pause_end()))) {
            return {};
        }
        return accept_some();
    }

    bool wait(bool for_clients, base::nanoseconds_t until);
    void take_signals();
    void maybe_sweep();
    void sweep();
    void reap(pid_t pid, int options);
    void account(const siginfo_t& info);
    void kill_all(int signal);

    result<void> accept_some();
    void start_child(base::unique_fd client);
    void drain();

    [[nodiscard]] base::nanoseconds_t sweep_due() const noexcept {
        return children_.empty() ? base::time_never : sweeps_.due();
    }
    [[nodiscard]] base::nanoseconds_t pause_end() const noexcept {
        return pause_until_ != 0 ? pause_until_ : base::time_never;
    }

    static constexpr int accepts_at_a_time = 16;  // before signals and the stop are looked at again

    io::poll_descriptor& listener_;
    const handler& serve_client_;
    const serve_options& options_;
    server_state state_;
    pid_set children_;
    stop_signals signals_;
    const stop_event& stop_;
    std::vector<int> keep_;
    overload overload_;
    const pid_t self_ = ::getpid();

    bool stop_requested_ = false;
    bool second_signal_ = false;
    bool killing_ = false;
    sweep_schedule sweeps_;
    base::nanoseconds_t pause_until_ = 0;
};

/// Waits for a client (true if there may be one), a signal, the stop or the time `until`; deals
/// with all but the client.
bool process_server::wait(bool for_clients, base::nanoseconds_t until) {
    std::array<pollfd, 3> set{
        {{.fd = signals_.native_handle(), .events = POLLIN, .revents = 0},
         {.fd = stop_requested_ ? -1 : stop_.native_handle(), .events = POLLIN, .revents = 0},
         {.fd = for_clients ? listener_.fd() : -1, .events = POLLIN, .revents = 0}}};
    timespec timeout{};
    if (until != base::time_never) {
        const base::nanoseconds_t left = std::max<base::nanoseconds_t>(until - base::now_ns(), 0);
        timeout = {.tv_sec = left / (1000 * ms), .tv_nsec = left % (1000 * ms)};
    }
    if (::ppoll(set.data(), set.size(), until == base::time_never ? nullptr : &timeout, nullptr) <
        0) {
        return false;  // EINTR, or ENOMEM: the caller comes again
    }
    if (set[0].revents != 0) {
        take_signals();
    }
    if (set[1].revents != 0) {
        stop_requested_ = true;
    }
    if (pause_until_ != 0 && base::now_ns() >= pause_until_) {
        pause_until_ = 0;
    }
    maybe_sweep();
    return set[2].revents != 0;
}

void process_server::take_signals() {
    std::array<signalfd_siginfo, 32> buffer;
    for (auto taken = signals_.take(buffer); !taken.empty(); taken = signals_.take(buffer)) {
        for (const signalfd_siginfo& info : taken) {
            if (stop_signals::is_terminate(info)) {
                second_signal_ = stop_requested_;
                stop_requested_ = true;
                continue;
            }
            const auto pid = static_cast<pid_t>(info.ssi_pid);
            if (children_.contains(pid)) {
                reap(pid, WNOHANG);
            }
            sweeps_.want();
        }
    }
}

void process_server::maybe_sweep() {
    if (!children_.empty() && base::now_ns() >= sweeps_.due()) {
        sweep();
    }
}

void process_server::sweep() {
    const base::nanoseconds_t start = base::thread_cpu_ns();
    base::nanoseconds_t reaping = 0;
    children_.for_each([&](pid_t pid) {
        if (has_ended(pid)) {
            const base::nanoseconds_t found = base::thread_cpu_ns();
            reap(pid, WNOHANG);
            reaping += base::thread_cpu_ns() - found;
        }
    });
    sweeps_.swept(base::now_ns(), base::thread_cpu_ns() - start - reaping);
}

void process_server::reap(pid_t pid, int options) {
    siginfo_t info = {};
    int failed = 0;
    do {
        failed = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | options);
    } while (failed != 0 && errno == EINTR);
    if (failed != 0) {
        // Somebody else in the program waited for it: how it ended cannot be known any more.
        children_.erase(pid);
        state_.finished(outcome::failed);
    } else if (info.si_pid != 0) {
        children_.erase(pid);
        account(info);
    }
}

void process_server::account(const siginfo_t& info) {
    if (info.si_code == CLD_EXITED) {
        state_.finished(info.si_status == 0 ? outcome::completed : outcome::failed);
    } else if (killing_ && info.si_status == SIGKILL) {
        state_.forced(1);
        state_.finished(outcome::failed);
    } else {
        state_.finished(outcome::crashed);
    }
}

void process_server::kill_all(int signal) {
    children_.for_each([signal](pid_t pid) { ::kill(pid, signal); });
}

result<void> process_server::accept_some() {
    for (int i = 0; i < accepts_at_a_time && !stop_requested_; ++i) {
        const int fd = io::accept_once(listener_);
        if (fd >= 0) {
            overload_.recovered();
            start_child(base::unique_fd(fd));
            continue;
        }
        switch (overload_.deal_with(-fd, listener_, io::accept_once, options_.refusal)) {
            case accept_failure::shed:
                state_.refused();
                break;
            case accept_failure::none_there:
                return {};
            case accept_failure::pause:
                pause_until_ = base::now_ns() + overload_.next_pause();
                return {};
            case accept_failure::fatal:
                return base::fail(-fd, "serve");
        }
    }
    return {};
}

void process_server::start_child(base::unique_fd client) {
    if (!state_.try_admit()) {
        take_signals();  // one that has ended may not have been noticed yet
        if (sweeps_.wanted()) {
            sweep();
        }
        if (!state_.try_admit()) {
            state_.refused();
            refuse(std::move(client), options_.refusal);
            return;
        }
    }
    // What the program has written so far must come out once, not once more from each child.
    // Not every stream: another thread may hold the lock of one, waiting for input.
    std::fflush(stdout);
    std::fflush(stderr);
    // A SIGTERM of ours must not find the child before it has its handler.
    sigset_t terminate;
    sigset_t mask;
    sigemptyset(&terminate);
    sigaddset(&terminate, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &terminate, &mask);
    const pid_t pid = ::fork();
    if (pid == 0) {
        run_child({.serve_client = serve_client_,
                   .state = state_,
                   .keep_descriptors = keep_,
                   .mask = signals_.mask_before(),
                   .parent = self_,
                   .ignore_interrupt = options_.handle_signals},
                  client.release(), listener_.proto());
    }
    ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    if (pid > 0) {
        if (children_.empty()) {
            sweeps_.begin(base::now_ns());
        }
        if (children_.contains(pid)) {
            // Somebody else in the program waited for it, so its number is free for this one.
            children_.erase(pid);
            state_.finished(outcome::failed);
        }
        children_.insert(pid);
        return;
    }
    state_.turned_away();  // EAGAIN: no more processes; ENOMEM
    refuse(std::move(client), options_.refusal);
}

void process_server::drain() {
    stop_requested_ = true;
    const base::nanoseconds_t end = deadline(options_.drain).nanoseconds();
    kill_all(SIGTERM);
    while (!children_.empty() && !second_signal_ && base::now_ns() < end) {
        wait(false, std::min(sweep_due(), end));
    }
    if (!children_.empty()) {
        killing_ = true;
        kill_all(SIGKILL);
        children_.for_each([this](pid_t pid) { reap(pid, 0); });
    }
}

}  // namespace

result<void> serve_processes(listener& from, const handler& serve_client,
                             const serve_options& options) {
    const listener_use listening(from);
    if (listening.error() != 0) {
        return base::fail(listening.error(), "serve");
    }
    const child_signal_disposition disposition;
    auto children = pid_set::make();
    if (!children) {
        return base::fail(children.error(), "serve");
    }
    auto signals = stop_signals::make(options.handle_signals, true);
    if (!signals) {
        return base::fail(signals.error(), "serve");
    }
    auto stop = stop_event::make(options.stop);
    if (!stop) {
        return base::fail(stop.error(), "serve");
    }
    process_server server(listening.descriptor(), serve_client, options, std::move(*children),
                          std::move(*signals), **stop);
    return server.run();
}

}  // namespace weft::serving
