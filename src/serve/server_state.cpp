// SPDX-License-Identifier: Apache-2.0
#include "serve/server_state.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <csignal>
#include <new>
#include <utility>

#include "base/assert.h"
#include "base/futex.h"

namespace weft {

namespace {

using stored_counter = base::atomic<std::uint64_t>;

template <class Byte>
auto& stored(Byte* storage) noexcept {
    using type = std::conditional_t<std::is_const_v<Byte>, const stored_counter, stored_counter>;
    return *std::launder(reinterpret_cast<type*>(storage));
}

}  // namespace

serve_counter::serve_counter() noexcept {
    static_assert(sizeof(stored_counter) == sizeof storage_ && alignof(stored_counter) <= 8);
    ::new (storage_) stored_counter(0);
}

std::uint64_t serve_counter::load() const noexcept {
    return stored(storage_).load(base::acquire);
}

void serve_counter::add(std::uint64_t n) noexcept {
    stored(storage_).fetch_add(n, base::acq_rel);
}

void serve_counter::subtract(std::uint64_t n) noexcept {
    stored(storage_).fetch_sub(n, base::acq_rel);
}

basic_connection::basic_connection(weft::socket client, serving::server_state& server)
    : socket_(std::move(client)), server_(server) {
    server_.enter(*this);
}

basic_connection::~basic_connection() {
    close();
}

void basic_connection::close() noexcept {
    server_.leave(*this);  // first: the drain must not act upon a number that is used anew
    socket_.close();
}

bool basic_connection::stopping() const noexcept {
    return server_.stopping();
}

std::stop_token basic_connection::stop_token() {
    return server_.stop_token();
}

}  // namespace weft

namespace weft::serving {

namespace {

// The state of this process if it is a child of the process model; for the signal handler.
base::atomic<server_state*> state_of_child{nullptr};

}  // namespace

bool server_state::try_admit() noexcept {
    std::size_t now = active_.load(base::relaxed);
    do {
        if (max_connections_ != 0 && now >= max_connections_) {
            return false;
        }
    } while (!active_.compare_exchange_weak(now, now + 1, base::acq_rel, base::relaxed));
    counters_.accepted.add(1);
    counters_.active.add(1);
    return true;
}

void server_state::finished(outcome how) noexcept {
    switch (how) {
        case outcome::completed:
            counters_.completed.add(1);
            break;
        case outcome::failed:
            counters_.failed.add(1);
            break;
        case outcome::crashed:
            counters_.crashed.add(1);
            break;
    }
    counters_.active.subtract(1);
    const std::size_t before = active_.fetch_sub(1, base::acq_rel);
    WEFT_DEBUG_ASSERT(before > 0, "more connections ended than were admitted");
    static_cast<void>(before);
}

void server_state::turned_away() noexcept {
    counters_.accepted.subtract(1);
    counters_.active.subtract(1);
    active_.fetch_sub(1, base::acq_rel);
    refused();
}

outcome server_state::serve(const handler& serve_client, base::unique_fd client,
                            io::protocol proto) noexcept {
    const result<io::poll_descriptor*> adopted = io::adopt(client.release(), proto);
    if (!adopted) {
        return outcome::failed;
    }
    connection c(io::access::make_socket(**adopted), *this);
    try {
        serve_client(c);
        return outcome::completed;
    } catch (...) {
        return outcome::failed;
    }
}

async_connection server_state::make_async_connection(io::poll_descriptor& client) {
    return async_connection(io::access::make_socket(client), *this);
}

void server_state::enter(basic_connection& c) noexcept {
    const section here(mutex_);
    c.entered_ = true;
    c.next_ = first_;
    if (first_ != nullptr) {
        first_->prev_ = &c;
    }
    first_ = &c;
    if (in_child_) {
        signalled_socket_.store(c.socket_.native_handle(), base::seq_cst);
    }
    // Accepted before the drain began, started after it: nobody else will tell this one.
    if (stopping_.load(base::seq_cst)) {
        ::shutdown(c.socket_.native_handle(), forced_ ? SHUT_RDWR : SHUT_RD);
    }
}

void server_state::leave(basic_connection& c) noexcept {
    if (in_child_) {
        signalled_socket_.store(-1, base::seq_cst);
    }
    const section here(mutex_);
    if (!std::exchange(c.entered_, false)) {
        return;
    }
    if (to_shut_ == &c) {
        to_shut_ = c.next_;
    }
    (c.prev_ != nullptr ? c.prev_->next_ : first_) = c.next_;
    if (c.next_ != nullptr) {
        c.next_->prev_ = c.prev_;
    }
    c.next_ = nullptr;
    c.prev_ = nullptr;
}

/// All from to_shut_ on. Two threads may do so at a time: who forces begins anew.
void server_state::shut_rest() noexcept {
    bool any_left = true;
    while (any_left) {
        const section here(mutex_);
        for (unsigned i = 0; i < shut_at_once && to_shut_ != nullptr; ++i) {
            ::shutdown(to_shut_->socket_.native_handle(), forced_ ? SHUT_RDWR : SHUT_RD);
            to_shut_ = to_shut_->next_;
        }
        any_left = to_shut_ != nullptr;
    }
}

void server_state::begin_drain() noexcept {
    {
        const section here(mutex_);
        if (!stopping_.exchange(true, base::seq_cst)) {
            to_shut_ = first_;
        }
    }
    shut_rest();
    stop_.request_stop();
}

void server_state::force() noexcept {
    {
        const section here(mutex_);
        if (std::exchange(forced_, true)) {
            return;
        }
        counters_.forced.add(active_.load(base::acquire));
        to_shut_ = first_;
    }
    shut_rest();
}

void server_state::child_of_fork() noexcept {
    in_child_ = true;
    state_of_child.store(this, base::seq_cst);
    struct sigaction action = {};
    action.sa_handler = [](int signal) { signalled(signal); };
#if !defined(__SANITIZE_THREAD__)
    action.sa_flags = SA_RESTART;
#endif  // ThreadSanitizer runs the handler only when the call that the signal came into returns
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGTERM, &action, nullptr);
}

// Async-signal-safe: loads, stores and system calls. It may interrupt enter() and leave(): enter()
// looks at stopping_ after it has published the socket, leave() takes it back first. That holds on
// the thread of the handler only, which is the child's first; the others pass the signal on.
void server_state::signalled(int signal) noexcept {
    const int saved_errno = errno;
    const pid_t process = ::getpid();
    if (::gettid() != process) {
        ::syscall(SYS_tgkill, process, process, signal);
        errno = saved_errno;
        return;
    }
    server_state& state = *state_of_child.load(base::seq_cst);
    state.stopping_.store(true, base::seq_cst);
    const int fd = state.signalled_socket_.load(base::seq_cst);
    if (fd >= 0) {
        ::shutdown(fd, SHUT_RD);
    }
    state.signal_came_.store(1, base::seq_cst);
    base::futex_wake(state.signal_came_);
    errno = saved_errno;
}

std::stop_token server_state::stop_token() {
    if (in_child_ && !signal_watcher_.joinable()) {
        watch_signal();
    }
    return stop_.get_token();
}

// std::stop_source takes a lock, so a signal handler cannot request the stop; a thread can that the
// handler wakes.
void server_state::watch_signal() {
    signal_watcher_ = std::thread([this] {
        while (signal_came_.load(base::seq_cst) == 0) {
            base::futex_wait(signal_came_, 0);
        }
        stop_.request_stop();
    });
}

}  // namespace weft::serving
