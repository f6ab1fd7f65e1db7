// SPDX-License-Identifier: Apache-2.0
#include "io/poll_descriptor.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weft/errno.h>

#include "base/assert.h"
#include "io/descriptor_slab.h"
#include "io/netpoll_epoll.h"

namespace weft::io {

namespace {

constexpr std::uint32_t ended = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
constexpr std::uint32_t readable = EPOLLIN | EPOLLPRI | ended;
constexpr std::uint32_t writable = EPOLLOUT | EPOLLHUP | EPOLLERR;

}  // namespace

poll_descriptor* poll_descriptor::make(int fd, protocol proto, role r) noexcept {
    poll_descriptor* const d = descriptor_slab::instance().take();
    if (d == nullptr) {
        return nullptr;
    }
    const base::spin_guard guard(d->lock_);
    d->protocol_ = proto;
    d->role_ = r;
    for (auto& ready : d->ready_) {
        ready.store(true, base::relaxed);
    }
    d->splits_reads_.store(proto == protocol::other || proto == protocol::no_socket, base::relaxed);
    d->nonblocking_.store(false, base::relaxed);
    d->streak_.store(0, base::relaxed);
    d->uses_.store(0, base::relaxed);
    d->fd_.store(fd, base::relaxed);
    return d;
}

void poll_descriptor::destroy() noexcept {
    close();
    recycle();
}

int poll_descriptor::release() noexcept {
    const int fd = fd_.load(base::relaxed);
    {
        const base::spin_guard guard(lock_);
        if (netpoll_ != nullptr) {
            netpoll_->remove(fd);
        }
    }
    if (fd >= 0) {
        restore_mode(fd);
    }
    fd_.store(-1, base::relaxed);
    uses_.fetch_or(closed_bit, base::acq_rel);
    recycle();
    return fd;
}

/// What is no socket may be shared with processes that have to live with its mode.
void poll_descriptor::restore_mode(int fd) noexcept {
    if (protocol_ == protocol::no_socket && nonblocking_.load(base::relaxed)) {
        int off = 0;
        ::ioctl(fd, FIONBIO, &off);
    }
}

/// Closed already. Events that are under way die by the new generation.
void poll_descriptor::recycle() noexcept {
    WEFT_ASSERT(uses_.load(base::acquire) == closed_bit,
                "a socket is destroyed or released while a call on it is in flight");
    {
        const base::spin_guard guard(lock_);
        netpoll_ = nullptr;
        generation_.store(generation_.load(base::relaxed) + 1, base::relaxed);
    }
    descriptor_slab::instance().put(*this);
}

void poll_descriptor::close() noexcept {
    std::uint32_t before = uses_.load(base::relaxed);
    do {
        if ((before & closed_bit) != 0) {
            return;
        }
    } while (!uses_.compare_exchange_weak(before, before | closed_bit | closer_unit, base::acq_rel,
                                          base::relaxed));
    if (before != 0) {
        {
            const base::spin_guard guard(lock_);
            set_ready(direction::read, sched::wake_reason::cancelled);
            set_ready(direction::write, sched::wake_reason::cancelled);
            wake_all_queued(sched::wake_reason::cancelled);
        }
        // For threads that block in the kernel. This call counts as one in flight, so the number
        // is still ours.
        if (protocol_ != protocol::no_socket) {
            ::shutdown(fd(), SHUT_RDWR);
        }
    }
    if (uses_.fetch_sub(closer_unit, base::acq_rel) == (closed_bit | closer_unit)) {
        close_descriptor();
    }
}

/// By whoever was the last to leave. More than one may think so: a call that comes late leaves
/// last, too.
void poll_descriptor::close_descriptor() noexcept {
    const int fd = fd_.exchange(-1, base::acq_rel);
    if (fd >= 0) {
        restore_mode(fd);
        ::close(fd);
    }
}

void poll_descriptor::fail_misuse(direction dir) noexcept {
    base::assert_failed("alone",
                        dir == direction::read ? "two fibers read the same socket"
                                               : "two fibers write the same socket",
                        __FILE__, __LINE__);
}

int poll_descriptor::make_nonblocking() noexcept {
    if (!nonblocking_.load(base::relaxed)) {
        int on = 1;
        if (::ioctl(fd(), FIONBIO, &on) != 0) {
            return errno;
        }
        nonblocking_.store(true, base::relaxed);
    }
    return 0;
}

int poll_descriptor::start_wait_of_thread(direction dir, poll_wait& wait) noexcept {
    const base::spin_guard guard(lock_);
    if (closed()) {
        return ECANCELED;
    }
    stand(dir, wait);
    return 0;
}

int poll_descriptor::start_wait(direction dir, poll_wait& wait) noexcept {
    netpoll* const here = netpoll::current();
    WEFT_ASSERT(here != nullptr, "only fibers and coroutines wait in the netpoll");
    return start_wait(dir, wait, *here);
}

int poll_descriptor::start_wait(direction dir, poll_wait& wait, netpoll& here) noexcept {
    const base::spin_guard guard(lock_);
    if (closed()) {
        return ECANCELED;  // the caller's use began before the close()
    }
    if (netpoll_ != &here) [[unlikely]] {
        if (const int error = attach(here)) {
            return error;
        }
    }
    if (dir == direction::write && !writing_) [[unlikely]] {
        if (const int error = netpoll_->add_writing(fd(), key())) {
            return error;
        }
        writing_ = true;
    }
    if (ready_[index_of(dir)].load(base::relaxed)) {
        return EAGAIN;
    }
    stand(dir, wait);
    return 0;
}

void poll_descriptor::stand(direction dir, poll_wait& wait) noexcept {
    if (!wait.prepared) {
        wait.who.prepare();
    }
    streak_.store(0, base::relaxed);
    if (!is_shared()) [[likely]] {
        waiting_[index_of(dir)].store(&wait.who, base::relaxed);
        return;
    }
    wait.dir = dir;
    if (queue_ == nullptr) {
        wait.next = wait.prev = queue_ = &wait;
    } else {
        wait.next = queue_;
        wait.prev = queue_->prev;
        wait.next->prev = wait.prev->next = &wait;
    }
}

/// Registers it with `here`. It stays where it is while somebody waits through another runtime's
/// netpoll; that one wakes fibers of this runtime as well.
int poll_descriptor::attach(netpoll& here) noexcept {
    if (netpoll_ != nullptr) {
        const bool in_use = queue_ != nullptr || waiting_[0].load(base::relaxed) != nullptr ||
                            waiting_[1].load(base::relaxed) != nullptr;
        if (in_use) {
            return 0;
        }
        netpoll_->remove(fd());
        netpoll_ = nullptr;
    }
    if (const int error = here.add(fd(), key())) {
        return error;
    }
    netpoll_ = &here;
    writing_ = false;
    return 0;
}

bool poll_descriptor::leave(direction dir, poll_wait& wait) noexcept {
    const base::spin_guard guard(lock_);
    auto& slot = waiting_[index_of(dir)];
    if (slot.load(base::relaxed) == &wait.who) {
        slot.store(nullptr, base::relaxed);
        return true;
    }
    if (wait.next == nullptr) {
        return false;
    }
    unlink(wait);
    return true;
}

int poll_descriptor::finish_wait(direction dir, poll_wait& wait,
                                 sched::wake_reason reason) noexcept {
    if (reason == sched::wake_reason::signalled) [[likely]] {
        return 0;  // the waker took it out
    }
    leave(dir, wait);
    return reason == sched::wake_reason::timed_out ? ETIMEDOUT : ECANCELED;
}

int poll_descriptor::notify(std::uint32_t generation, std::uint32_t events) noexcept {
    const base::spin_guard guard(lock_);
    if (generation != generation_.load(base::relaxed)) {
        return 0;
    }
    if ((events & (ended | EPOLLPRI)) != 0) {
        splits_reads_.store(true, base::release);  // before ready: see the head of the file
    }
    int woken = 0;
    if ((events & readable) != 0) {
        woken += set_ready(direction::read, sched::wake_reason::signalled);
    }
    if ((events & writable) != 0) {
        woken += set_ready(direction::write, sched::wake_reason::signalled);
    }
    return woken;
}

void poll_descriptor::forget(const netpoll& ending) noexcept {
    const base::spin_guard guard(lock_);
    if (netpoll_ != &ending) {
        return;
    }
    netpoll_ = nullptr;
    set_ready(direction::read, sched::wake_reason::signalled);
    set_ready(direction::write, sched::wake_reason::signalled);
    wake_all_queued(sched::wake_reason::signalled);
}

/// Returns how many it woke.
int poll_descriptor::set_ready(direction dir, sched::wake_reason reason) noexcept {
    // Always stored, also when it is set: take_ready() must find either this store, or one that
    // comes after it, whatever it has loaded by now.
    ready_[index_of(dir)].store(true, base::release);
    auto& slot = waiting_[index_of(dir)];
    if (sched::waiter* const w = slot.load(base::relaxed)) {
        slot.store(nullptr, base::relaxed);
        return w->wake(reason) ? 1 : 0;
    }
    return is_shared() ? wake_one_queued(dir, reason) : 0;
}

/// The first for `dir` whose wait is not over. One, because there may be one connection or
/// datagram; it wakes the next when it got one (pass_on).
int poll_descriptor::wake_one_queued(direction dir, sched::wake_reason reason) noexcept {
    poll_wait* place = queue_;
    while (place != nullptr) {
        poll_wait* const next = place->next != queue_ ? place->next : nullptr;
        if (place->dir == dir) {
            unlink(*place);
            if (place->who.wake(reason)) {
                return 1;
            }
        }
        place = next;
    }
    return 0;
}

void poll_descriptor::wake_all_queued(sched::wake_reason reason) noexcept {
    while (poll_wait* const first = queue_) {
        unlink(*first);
        first->who.wake(reason);
    }
}

void poll_descriptor::unlink(poll_wait& wait) noexcept {
    if (queue_ == &wait) {
        queue_ = wait.next != &wait ? wait.next : nullptr;
    }
    wait.prev->next = wait.next;
    wait.next->prev = wait.prev;
    wait.next = wait.prev = nullptr;
}

void poll_descriptor::pass_on(direction dir) noexcept {
    const base::spin_guard guard(lock_);
    set_ready(dir, sched::wake_reason::signalled);
}

}  // namespace weft::io
