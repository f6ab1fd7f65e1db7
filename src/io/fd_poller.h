// SPDX-License-Identifier: Apache-2.0
//
// fd_poller: waiting for descriptors that are not weft's own: pipes, pidfds, eventfds, the socket
// of a C library. Their owner may copy them, hand them to a weft::socket or close them and have the
// number used again at any time, and does not say so.
//
// Hence:
//   - An epoll instance of its own, which stands in the netpoll's as one descriptor. In a common
//     one a wait would run into the registration of a weft::socket of the same number, which must
//     be edge-triggered and must not change. The netpoll's descriptors pay nothing for it.
//   - No record for each descriptor, and nothing is allocated: waits are nodes that lie where their
//     owners wait, in a list of all whose numbers fall into the same bucket. Of the waits for one
//     descriptor the kernel knows the union.
//   - EPOLLONESHOT: an event of a wait that was given up comes once and finds nobody. What
//     was registered once is left so when the last waiter leaves: the next wait then costs one
//     EPOLL_CTL_MOD, where adding and removing would cost two calls. The kernel removes it with the
//     last copy of the descriptor; until then it is 0.2 KB and disabled.
//   - The first wait for a number tries EPOLL_CTL_ADD, later ones EPOLL_CTL_MOD; the other one is
//     tried when that fails, and decides, since numbers are used again.
//   - An event carries the number and a generation. Who waits has the generation of its
//     registration, so an event of an old file that is still open under another number does not
//     reach who waits for the new one. If ADD succeeds although somebody waits for the number, then
//     that one waits for a file that is closed: it is told so (EBADF). If the number is not used
//     again the kernel tells nobody: the wait goes on to its deadline, as poll(2) does.
// What epoll cannot wait for (EPERM: regular files) is always ready, as poll(2) says.
//
// The outer registration is edge-triggered: level-triggered the kernel would wake one more worker
// for each batch. An edge comes after what caused it stands in the inner list, and whoever gets an
// edge empties that list.
//
// Thread safety: add() and finish() by the owner of the node, on a worker of the runtime;
// dispatch() by any number of threads beside them.
#pragma once

#include <array>
#include <cstdint>

#include "base/atomic.h"
#include "base/fd.h"
#include "base/spinlock.h"
#include "sched/waiter.h"

struct epoll_event;

namespace weft::io {

/// One wait for one descriptor. Lives where its owner waits. One waiter may stand in several, for
/// several descriptors; then each of them is left by finish().
struct fd_wait {
    /// `events`: POLLIN, POLLOUT and the like, whose values are those of EPOLLIN and so on. POLLERR
    /// and POLLHUP are always waited for.
    fd_wait(sched::waiter& waiter, int descriptor, short wanted) noexcept
        : who(waiter), fd(descriptor), events(static_cast<unsigned short>(wanted)) {}
    fd_wait(const fd_wait&) = delete;
    fd_wait& operator=(const fd_wait&) = delete;

    sched::waiter& who;
    const int fd;
    const std::uint32_t events;

    // Guarded by the bucket's lock while it is queued.
    std::uint32_t found = 0;  // what has come
    int error = 0;            // or why nothing can come
    std::uint32_t generation = 0;
    bool queued = false;
    fd_wait* next = nullptr;
    fd_wait* prev = nullptr;
};

class fd_poller {
public:
    /// Throws std::system_error when the process is out of descriptors.
    fd_poller();

    /// What becomes readable when dispatch() has something to do.
    [[nodiscard]] int native_handle() const noexcept { return epoll_.get(); }

    /// Registers a wait: 0, or the errno value of epoll_ctl(2): EBADF, EPERM (always ready), ENOSPC
    /// and so on. The waiter is prepared; after a failure no waker has seen it.
    int add(fd_wait& wait) noexcept;

    /// After the wait has ended for `reason`: the events that came (more than 0), or an errno
    /// value, negated: -ETIMEDOUT, -ECANCELED, -EBADF. Events count more than the reason.
    int finish(fd_wait& wait, sched::wake_reason reason) noexcept;

    /// Wakes the waiters of all that is ready; returns how many. Never waits.
    int dispatch() noexcept;

    /// Counts calls that did not have to wait: true once in a while, when the caller should let
    /// others run. A hint.
    bool has_run_long() noexcept {
        constexpr std::uint32_t longest_streak = 64;
        const std::uint32_t streak = streak_.load(base::relaxed) + 1;
        streak_.store(streak, base::relaxed);
        return streak % longest_streak == 0;
    }

private:
    struct bucket {
        base::spinlock lock;
        int last_added WEFT_GUARDED_BY(lock) = -1;  // probably still registered
        std::uint32_t generation WEFT_GUARDED_BY(lock) = 0;
        fd_wait* first WEFT_GUARDED_BY(lock) = nullptr;
    };
    static constexpr unsigned buckets = 64;

    bucket& bucket_of(int fd) noexcept { return buckets_[static_cast<unsigned>(fd) % buckets]; }

    int control(int operation, int fd, std::uint32_t generation, std::uint32_t events) noexcept;
    int register_first(bucket& home, fd_wait& wait) noexcept WEFT_REQUIRES(home.lock);
    int register_beside(bucket& home, fd_wait& wait, const fd_wait& other) noexcept
        WEFT_REQUIRES(home.lock);
    int notify(int fd, std::uint32_t generation, std::uint32_t events) noexcept;
    bool is_ready() const noexcept;

    static void unlink(bucket& home, fd_wait& wait) noexcept WEFT_REQUIRES(home.lock);
    static int fail_all(bucket& home, int fd, int error) noexcept WEFT_REQUIRES(home.lock);

    const base::unique_fd epoll_;
    base::atomic<std::uint32_t> streak_{0};
    std::array<bucket, buckets> buckets_;
};

}  // namespace weft::io
