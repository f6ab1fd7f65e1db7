// SPDX-License-Identifier: Apache-2.0
#include "sched/cpu_tick.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/atomic.h"
#include "base/signal_mask.h"
#include "context/signal_action.h"

namespace weft::sched {

namespace {

constexpr long interval_ns = 2'000'000;

// The disposition of a signal belongs to the process, and so does what follows. Written once,
// before the handler is in place.
constinit base::atomic<bool> installed{false};
constinit base::atomic<cpu_tick::handler> current{nullptr};
constinit struct sigaction previous{};

/// Its address tells our timers from those of others.
constinit char ours = 0;

void handle(int signal, siginfo_t* info, void* machine) noexcept {
    const int saved_errno = errno;
    const bool is_ours = (info->si_code == SI_TIMER || info->si_code == SI_QUEUE) &&
                         info->si_value.sival_ptr == &ours;
    // Where the limit of pending signals is reached the kernel says nothing but that there is one.
    const bool is_bare = info->si_code == SI_USER && info->si_pid == 0;
    if (!is_ours && context::is_function(previous)) {
        context::call(previous, signal, info, machine);
    }
    if (is_ours || is_bare) {
        current.load(base::acquire)();
    }
    errno = saved_errno;
}

void install(cpu_tick::handler on_tick) noexcept {
    current.store(on_tick, base::release);
    if (installed.exchange(true, base::acq_rel)) {
        return;
    }
    // Read first: the signal may run the handler as soon as it is in place.
    ::sigaction(SIGURG, nullptr, &previous);
    struct sigaction action{};
    action.sa_sigaction = &handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    action.sa_mask = base::all_but_faults();
    ::sigaction(SIGURG, &action, nullptr);
}

}  // namespace

cpu_tick::cpu_tick(handler on_tick) noexcept {
    if (on_tick == nullptr) {
        return;
    }
    install(on_tick);
    sigset_t ticks;
    ::sigemptyset(&ticks);
    ::sigaddset(&ticks, SIGURG);
    ::pthread_sigmask(SIG_UNBLOCK, &ticks, nullptr);  // whoever made this thread may block it
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGURG;
    event.sigev_value.sival_ptr = &ours;
    event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
    if (::timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer_) != 0) {
        return;
    }
    made_ = true;
    const itimerspec each{.it_interval = {.tv_sec = 0, .tv_nsec = interval_ns},
                          .it_value = {.tv_sec = 0, .tv_nsec = interval_ns}};
    ::timer_settime(timer_, 0, &each, nullptr);
}

void send_tick(pthread_t thread) noexcept {
    sigval value{};
    value.sival_ptr = &ours;
    ::pthread_sigqueue(thread, SIGURG, value);
}

cpu_tick::~cpu_tick() {
    if (made_) {
        ::timer_delete(timer_);
    }
}

}  // namespace weft::sched
