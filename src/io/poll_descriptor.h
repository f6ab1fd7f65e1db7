// SPDX-License-Identifier: Apache-2.0
//
// poll_descriptor: what the runtime knows about one open socket: the descriptor, whether a call
// would have to wait, who waits, who is in the middle of a call. One cache line. A weft::socket or
// weft::listener is a pointer to one, and so is a weft::datagram_socket.
//
// Lifetime. Records lie in a dense slab that is never freed and are recycled with a new generation.
// So an event that comes late, for a socket that was closed meanwhile, finds valid memory and a
// generation that differs, and is dropped. The slab is not a part of a netpoll, because a socket
// may outlive the runtime that made it, move to another one or be used by plain threads only.
//
// Readiness without lost wake-ups. Each direction has a flag, `ready`: "a call may succeed". The
// descriptor is registered, edge-triggered, when somebody first has to wait; for writing when
// somebody first has to wait for that.
//   caller                                   netpoll
//   1. ready is clear: go to 4               a. an edge: the kernel reports the state as it is now
//   2. clear ready                           b. set ready
//   3. recv(); anything but "would block":   c. wake the waiter, if there is one
//      done
//   4. lock; if ready: back to 2; else stand in the slot; unlock; park
// (b, c) run under the lock. Data that comes after the recv() in 3 causes an edge after the clear
// in 2, so (b) is not overwritten; and 4 sees (b), or (c) sees the waiter. Registering reports the
// state of that moment as a first edge, so nothing that came before is missed either.
//
// Short reads. A recv() on a stream that returns less than was asked for has emptied the socket
// (epoll(7)), so ready stays clear and the next read parks at once, without a call that only says
// EAGAIN. Three things break the rule:
//   - the end of the stream or an error may have come together with the data, in the one edge that
//     2 cleared. Such an edge says EPOLLRDHUP, EPOLLHUP or EPOLLERR; (b) then sets `splits_reads`
//     before `ready`, for good. The reader looks at it after recv(). If the edge was before the
//     clear, the reader sees splits_reads; if after, ready is set: it reads again either way.
//   - recv() stops at TCP urgent data although more follows. An edge with EPOLLPRI sets
//     splits_reads, too.
//   - on a Unix socket recv() stops after a message that carried descriptors; socket_ops.cpp sees
//     that by MSG_CTRUNC. Other protocols are marked splits_reads from the start, and so is what is
//     no socket: packets in pipes, lines from terminals.
//
// Closing beside other calls. `uses_` counts calls in flight. close() marks the socket closed,
// wakes who waits and shuts the connection down (for threads that block in the kernel: before what
// is no socket they wait as waiters, see start_wait_of_thread()); whoever leaves last closes the
// descriptor. So its number cannot be reused under a call. The call that was
// woken reports std::errc::operation_canceled, later calls std::errc::bad_file_descriptor.
//
// Forked children share the epoll instance, so a close() never calls EPOLL_CTL_DEL: in a child it
// would take the parent's socket out. The kernel removes a socket with its last descriptor; until
// then the generation makes its events harmless.
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "base/atomic.h"
#include "base/spinlock.h"
#include "sched/waiter.h"

namespace weft::io {

class netpoll;

enum class direction : std::uint8_t { read, write };

enum class protocol : std::uint8_t {
    tcp,
    unix_stream,
    unix_datagram,
    other,      ///< of sockets
    no_socket,  ///< read(2), write(2), always in non-blocking mode: pipes, signals, inotify
};

/// Somebody's place before a socket. Lives where its owner waits: on a fiber's or thread's stack,
/// in a coroutine's awaiter.
struct poll_wait {
    explicit poll_wait(sched::waiter& waiter) noexcept : who(waiter) {}
    poll_wait(const poll_wait&) = delete;
    poll_wait& operator=(const poll_wait&) = delete;

    sched::waiter& who;
    bool prepared = false;  ///< `who` is: it waits for other things, too
    // Its place in a queue; guarded by the descriptor's lock.
    direction dir{};
    poll_wait* next = nullptr;
    poll_wait* prev = nullptr;
};

class alignas(64) poll_descriptor {
public:
    enum class role : std::uint8_t {
        stream,  ///< one call in each direction at a time
        shared,  ///< any number: a listener, a datagram socket
    };

    /// A record for `fd`, which it owns from now on. Null when memory is out: then `fd` is still
    /// the caller's.
    static poll_descriptor* make(int fd, protocol proto, role r) noexcept;

    /// Closes, and gives the record back. Nobody may be in a call.
    void destroy() noexcept;

    /// Destroys the record without closing; returns the descriptor. Nobody may be in a call.
    int release() noexcept;

    /// Any thread, beside anything but destroy() and release(). Idempotent.
    void close() noexcept;

    [[nodiscard]] bool closed() const noexcept {
        return (uses_.load(base::acquire) & closed_bit) != 0;
    }

    // A call brackets all that it does with begin() and end(); see class use.

    /// 0, or EBADF if it is closed. One call in each direction at a time, unless it is shared.
    int begin(direction dir) noexcept {
        const std::uint32_t unit = unit_of(dir);
        const std::uint32_t before = uses_.fetch_add(unit, base::acq_rel);
        if ((before & closed_bit) != 0) [[unlikely]] {
            end(dir);
            return EBADF;
        }
        if (!alone(before, dir)) [[unlikely]] {
            fail_misuse(dir);
        }
        return 0;
    }

    void end(direction dir) noexcept { end_use(unit_of(dir)); }

    /// For one who reads later, and waits elsewhere than here until then: the descriptor is not
    /// closed before end_watch(). As begin(); one at a time, also if it is shared.
    int begin_watch() noexcept {
        const std::uint32_t before = uses_.fetch_add(watcher_unit, base::acq_rel);
        if ((before & closed_bit) != 0) [[unlikely]] {
            end_watch();
            return EBADF;
        }
        if ((before & watcher_mask) != 0) [[unlikely]] {
            fail_misuse(direction::read);
        }
        return 0;
    }

    void end_watch() noexcept { end_use(watcher_unit); }

    // Between begin() and end().

    [[nodiscard]] int fd() const noexcept { return fd_.load(base::relaxed); }
    [[nodiscard]] protocol proto() const noexcept { return protocol_; }
    [[nodiscard]] bool is_shared() const noexcept { return role_ == role::shared; }

    /// Step 1 and 2 of the head: whether a call may succeed. If so it must be tried now.
    bool take_ready(direction dir) noexcept {
        auto& ready = ready_[index_of(dir)];
        // An exchange and not a store: the clear must be visible before recv() looks.
        return ready.load(base::acquire) && ready.exchange(false, base::acq_rel);
    }

    /// O_NONBLOCK, once. 0 or an errno value.
    [[gnu::noinline]] int make_nonblocking() noexcept;

    [[nodiscard]] bool is_ready(direction dir) const noexcept {
        return ready_[index_of(dir)].load(base::acquire);
    }

    /// The next call may succeed, too.
    void mark_ready(direction dir) noexcept {
        if (is_shared()) {
            pass_on(dir);
        } else {
            ready_[index_of(dir)].store(true, base::release);
        }
    }

    /// Whether a short read leaves data, an end or an error behind.
    [[nodiscard]] bool splits_reads() const noexcept { return splits_reads_.load(base::acquire); }

    /// Step 4, on a worker. 0: the waiter is prepared and registered; it must park, then call
    /// finish_wait(). EAGAIN: ready by now, try again. Else the errno value of what went wrong.
    int start_wait(direction dir, poll_wait& wait) noexcept;
    int start_wait(direction dir, poll_wait& wait, netpoll& here) noexcept;

    /// For a plain thread that polls the descriptor: `wait` stands here so that close() wakes it.
    /// 0: it is prepared; it must poll, then leave(). Else an errno value.
    int start_wait_of_thread(direction dir, poll_wait& wait) noexcept;

    /// Takes `wait` out if it still stands here: whether it did.
    bool leave(direction dir, poll_wait& wait) noexcept;

    /// After a wait ended for `reason`: 0 (try again), ETIMEDOUT or ECANCELED.
    int finish_wait(direction dir, poll_wait& wait, sched::wake_reason reason) noexcept;

    /// Counts calls in a row that did not have to wait: true once in a while, when a fiber should
    /// let others run.
    bool has_run_long() noexcept {
        const auto streak = static_cast<std::uint8_t>(streak_.load(base::relaxed) + 1);
        streak_.store(streak, base::relaxed);
        return streak % longest_streak == 0;
    }

    // For the netpoll.

    /// An event with EPOLL... bits. Returns how many waiters it woke.
    int notify(std::uint32_t generation, std::uint32_t events) noexcept;

    /// The netpoll ends: everybody who waits through it shall look again.
    void forget(const netpoll& ending) noexcept;

    /// The waiter that is probably woken next, to prefetch.
    [[nodiscard]] const void* likely_waiter() const noexcept {
        return waiting_[index_of(direction::read)].load(base::relaxed);
    }

    /// What tells the descriptor and its generation in an epoll event.
    [[nodiscard]] std::uint64_t key() const noexcept {
        return std::uint64_t{generation_.load(base::relaxed)} << 32 | index_;
    }

private:
    friend class descriptor_slab;
    friend struct access;

    // uses_: calls in flight (readers, writers, watchers, closers) and closed_bit. All calls on a
    // shared one begin() as readers, since writers may be no more than 31.
    static constexpr std::uint32_t reader_unit = 1;
    static constexpr std::uint32_t reader_mask = (1u << 20) - 1;
    static constexpr std::uint32_t writer_unit = 1u << 20;
    static constexpr std::uint32_t writer_mask = 0x1fu << 20;
    static constexpr std::uint32_t watcher_unit = 1u << 25;
    static constexpr std::uint32_t watcher_mask = 0x1fu << 25;
    static constexpr std::uint32_t closer_unit = 1u << 30;
    static constexpr std::uint32_t closed_bit = 1u << 31;

    static constexpr std::uint8_t longest_streak = 64;

    static constexpr std::uint32_t unit_of(direction dir) noexcept {
        return dir == direction::read ? reader_unit : writer_unit;
    }
    static constexpr std::size_t index_of(direction dir) noexcept {
        return static_cast<std::size_t>(dir);
    }
    void end_use(std::uint32_t unit) noexcept {
        if (uses_.fetch_sub(unit, base::acq_rel) == (closed_bit | unit)) [[unlikely]] {
            close_descriptor();
        }
    }
    [[nodiscard]] bool alone(std::uint32_t before, direction dir) const noexcept {
        const std::uint32_t mask = dir == direction::read ? reader_mask : writer_mask;
        return (before & mask) == 0 || is_shared();
    }

    [[noreturn, gnu::cold]] static void fail_misuse(direction dir) noexcept;
    [[gnu::cold]] void close_descriptor() noexcept;
    void restore_mode(int fd) noexcept;
    void recycle() noexcept;
    int attach(netpoll& here) noexcept WEFT_REQUIRES(lock_);
    int set_ready(direction dir, sched::wake_reason reason) noexcept WEFT_REQUIRES(lock_);
    void stand(direction dir, poll_wait& wait) noexcept WEFT_REQUIRES(lock_);
    void unlink(poll_wait& wait) noexcept WEFT_REQUIRES(lock_);
    int wake_one_queued(direction dir, sched::wake_reason reason) noexcept WEFT_REQUIRES(lock_);
    void wake_all_queued(sched::wake_reason reason) noexcept WEFT_REQUIRES(lock_);
    void pass_on(direction dir) noexcept;

    base::spinlock lock_;
    std::array<base::atomic<bool>, 2> ready_{};
    base::atomic<bool> splits_reads_{false};
    base::atomic<int> fd_{-1};
    base::atomic<std::uint32_t> uses_{0};
    base::atomic<std::uint32_t> generation_{0};  // written under the lock

    // Who waits: one in each direction or, if it is shared, a queue. Changed under the lock.
    std::array<base::atomic<sched::waiter*>, 2> waiting_{};
    poll_wait* queue_ WEFT_GUARDED_BY(lock_) = nullptr;  // a ring; its last is queue_->prev

    netpoll* netpoll_ WEFT_GUARDED_BY(lock_) = nullptr;  // where it is registered
    bool writing_ WEFT_GUARDED_BY(lock_) = false;        // for writing, too
    std::uint32_t index_ = 0;                            // in the slab
    base::atomic<std::uint32_t> next_free_{0};
    protocol protocol_ = protocol::other;
    role role_ = role::stream;
    base::atomic<bool> nonblocking_{false};
    base::atomic<std::uint8_t> streak_{0};
};

static_assert(sizeof(poll_descriptor) == 64, "10,000 connections must not cost two lines each");

/// A call in flight.
class use {
public:
    use(poll_descriptor& descriptor, direction dir) noexcept
        : descriptor_(descriptor), dir_(dir), error_(descriptor.begin(dir)) {}
    ~use() {
        if (error_ == 0) [[likely]] {
            descriptor_.end(dir_);
        }
    }
    use(const use&) = delete;
    use& operator=(const use&) = delete;

    /// 0 or EBADF.
    [[nodiscard]] int error() const noexcept { return error_; }

private:
    poll_descriptor& descriptor_;
    const direction dir_;
    const int error_;
};

}  // namespace weft::io
