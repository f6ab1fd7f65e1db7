// SPDX-License-Identifier: Apache-2.0
//
// netpoll: the poller of one runtime, on one edge-triggered epoll instance.
//
// A descriptor is added once, when somebody first has to wait for it, and once more when somebody
// first has to wait for it to become writable; after that a wait costs no system call but the
// epoll_wait that all of them share. Not for both directions at once: most sockets never have to
// wait for that, and a Unix socket reports it each time that its peer has read something. Rejected:
// EPOLLONESHOT (0.2 us of EPOLL_CTL_MOD for each wait), level-triggered (every epoll_wait reports
// again what nobody reads yet, and more so with several threads in it).
//
// interrupt() writes to an eventfd, edge-triggered as well, so nobody has to read it. Who takes its
// event may be a poll that does not wait while another one sleeps; `waiting_` and `interrupted_`
// see to it that the sleeper is woken all the same:
//   - interrupt() sets interrupted_, then looks at waiting_: only if somebody waits it writes;
//   - a poll that waits raises waiting_, then looks at interrupted_: if it is set it does not wait;
//   - a poll that does not wait and gets the event writes again if somebody waits, and leaves
//     interrupted_ set: only a poll that would wait clears it.
//
// Descriptors that are not weft's own are waited for in a second epoll instance, which stands in
// this one as one descriptor: see fd_poller.h.
#pragma once

#include <sys/types.h>

#include "base/fd.h"
#include "io/fd_poller.h"
#include "io/poll_descriptor.h"
#include "sched/poller.h"

struct epoll_event;

namespace weft::io {

class netpoll final : public sched::poller {
public:
    /// Throws std::system_error when the process is out of descriptors.
    netpoll();
    ~netpoll() override;

    /// See sched/poller.h. Any number of threads may wait at once; the kernel wakes one for an
    /// event.
    sched::poll_result poll(base::nanoseconds_t deadline) noexcept override;
    [[nodiscard]] bool is_ready() const noexcept override;
    void tick_in(base::nanoseconds_t delay) noexcept override;
    void interrupt() noexcept override;

    /// Registers `fd` for reading: 0 or an errno value. The state that it is in counts as a first
    /// event.
    int add(int fd, std::uint64_t key) noexcept;

    /// And for writing; the same holds.
    int add_writing(int fd, std::uint64_t key) noexcept;

    /// Not in a forked child, where it would take the parent's descriptor out.
    void remove(int fd) noexcept;

    /// For descriptors that are not weft's own.
    [[nodiscard]] fd_poller& fds() noexcept { return fds_; }

    /// The netpoll of the runtime whose worker runs here; null on a plain thread.
    static netpoll* current() noexcept;

private:
    int wait(::epoll_event* events, base::nanoseconds_t deadline) noexcept;
    sched::poll_result dispatch(const ::epoll_event* events, int count,
                                bool& saw_interrupt) noexcept;
    void write_event() noexcept;

    const base::unique_fd epoll_;
    const base::unique_fd event_;
    const base::unique_fd timer_;  // the tick
    fd_poller fds_;
    const pid_t process_;
    base::atomic<bool> no_pwait2_{false};

    alignas(64) base::atomic<bool> interrupted_{false};
    base::atomic<int> waiting_{0};
};

}  // namespace weft::io
