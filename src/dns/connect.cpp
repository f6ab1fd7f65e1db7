// SPDX-License-Identifier: Apache-2.0
#include "dns/connect.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

#include <weft/errno.h>

#include "base/assert.h"
#include "base/error.h"
#include "dns/access.h"
#include "dns/wait.h"
#include "sched/current.h"

namespace weft::dns {

namespace {

/// How much an attempt's failure says about why there is no connection.
int telling(std::error_code error) {
    switch (error.value()) {
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
            return 7;  // the others may have failed for the same reason
        case ECONNREFUSED:
            return 6;  // the host is there
        case ECONNRESET:
            return 5;
        case ETIMEDOUT:
            return 4;
        case EHOSTUNREACH:
            return 3;
        case ENETUNREACH:
        case EADDRNOTAVAIL:
        case EAFNOSUPPORT:
            return 1;  // this machine has no such family
        default:
            return 2;
    }
}

std::error_code generic(int code) {
    return {code, std::generic_category()};
}

}  // namespace

connect_call::connect_call(core& of, std::string_view host, std::uint16_t port,
                           const connect_options& options)
    : core_(of),
      options_(options),
      peer_(std::string(host) + ":" + std::to_string(port)),
      names_{lookup(of, by_, host, port, family::ipv6), lookup(of, by_, host, port, family::ipv4)} {
}

void connect_call::advance() noexcept {
    core_.stop_wait(by_);
    try {
        look_up();
    } catch (const std::bad_alloc&) {
        finish(generic(ENOMEM));
    }
    if (over_) {
        names_[0].give_up(error_);
        names_[1].give_up(error_);
    }
    names_pending_ = !names_[0].is_over() || !names_[1].is_over();
    if (!names_pending_ || names_need_.what == need::kind::nothing) {
        core_.leave(by_);
    }
}

void connect_call::look_up() {
    names_need_ = {};
    if (over_) {
        return;
    }
    core_.process(by_);
    for (std::size_t i = 0; i < names_.size(); ++i) {
        if (names_[i].advance() && !std::exchange(taken_[i], true)) {
            take_addresses(i);
        }
    }
    if (!begun_ && has_addresses() && begin_at_.is_never()) {
        begin_at_ = deadline(options_.resolution_delay);
    }
    if (attempts_.empty() && !may_begin() && !(names_[0].is_over() && names_[1].is_over())) {
        names_need_ = core_.start_wait(by_);
        names_need_.until = std::min(names_need_.until, begin_at_);
    }
}

void connect_call::take_addresses(std::size_t index) {
    lookup& mine = names_[index];
    const lookup& other = names_[1 - index];
    auto found = mine.take_addresses();
    if (!found) {
        return;
    }
    // With search domains the two may have found different hosts: the earlier one is meant.
    if (taken_[1 - index] && !other.error() && other.candidate() != mine.candidate()) {
        if (other.candidate() < mine.candidate()) {
            return;
        }
        left_[1 - index].clear();
    }
    left_[index].assign(found->begin(), found->end());
}

/// Addresses are there, and none that should come before them is to be expected.
bool connect_call::may_begin() const {
    return has_addresses() &&
           (begun_ || !left_[0].empty() || names_[0].is_over() || begin_at_.expired());
}

need connect_call::next() noexcept {
    try {
        while (!over_ && step()) {
        }
    } catch (const std::bad_alloc&) {
        finish(generic(ENOMEM));
    }
    if (over_) {
        return {.what = names_pending_ ? need::kind::again : need::kind::nothing};
    }
    if (attempts_.empty()) {
        // Maybe the last one has failed just now: then names must be waited for first.
        return names_need_.what != need::kind::nothing ? names_need_
                                                       : need{.what = need::kind::again};
    }
    return {need::kind::sockets, epoll_.get(),
            has_addresses() || names_pending_ ? next_start_ : deadline::never()};
}

/// Whether it is worth while to look again.
bool connect_call::step() {
    collect();
    if (over_) {
        return false;
    }
    if (may_begin() && (attempts_.empty() || next_start_.expired())) {
        start_next();
        return true;
    }
    if (attempts_.empty() && !has_addresses() && !names_pending_) {
        // Names that were not found say less than an attempt that failed.
        finish(worst_ ? worst_ : more_telling(names_[0].error(), names_[1].error()));
        return false;
    }
    if (!attempts_.empty() && next_start_.expired()) {
        next_start_ = deadline(options_.stagger);  // only names to look after
    }
    return false;
}

/// Attempts that have ended.
void connect_call::collect() {
    if (attempts_.empty()) {
        return;
    }
    std::array<epoll_event, 16> ready;
    const int count = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), 0);
    for (int i = 0; i < count && !over_; ++i) {
        const int fd = ready[static_cast<std::size_t>(i)].data.fd;
        const auto at = std::find_if(attempts_.begin(), attempts_.end(),
                                     [fd](const attempt& a) { return a.fd.get() == fd; });
        if (at == attempts_.end()) {
            continue;
        }
        int error = 0;
        socklen_t size = sizeof error;
        if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
            error = errno;
        }
        unique_fd ended = std::move(at->fd);
        attempts_.erase(at);
        if (error == 0) {
            ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
            win(std::move(ended));
        } else {
            failed(generic(error));
            next_start_ = clock::time_point::min();  // the next one need not wait
        }
    }
}

/// With the next address, of the other family than the last one if there is one.
void connect_call::start_next() {
    if (!epoll_.valid()) {
        epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
        if (!epoll_.valid()) {
            return finish(generic(errno));
        }
    }
    const std::size_t from = left_[next_family_].empty() ? 1 - next_family_ : next_family_;
    const endpoint to = left_[from].front();
    left_[from].pop_front();
    next_family_ = 1 - from;
    begun_ = true;
    next_start_ = deadline(options_.stagger);
    unique_fd fd(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd.valid()) {
        return failed(generic(errno));
    }
    if (::connect(fd.get(), to.data(), to.size()) == 0) {
        return win(std::move(fd));
    }
    if (errno != EINPROGRESS) {
        return failed(generic(errno));
    }
    epoll_event wanted{};
    wanted.events = EPOLLOUT;
    wanted.data.fd = fd.get();
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &wanted) != 0) {
        return failed(generic(errno));
    }
    attempts_.push_back({.fd = std::move(fd), .to = to});
}

void connect_call::failed(std::error_code error) noexcept {
    if (!worst_ || telling(error) > telling(worst_)) {
        worst_ = error;
    }
}

void connect_call::finish(std::error_code error) noexcept {
    if (!over_) {
        over_ = true;
        error_ = error;
        attempts_.clear();
    }
}

/// weft's sockets are in blocking mode, which is what plain threads are fastest with.
void connect_call::win(unique_fd fd) noexcept {
    const int on = 1;
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK) != 0 ||
        ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        return finish(generic(errno));
    }
    auto made = socket::from_native(fd.get());
    if (!made) {
        return finish(made.error());
    }
    static_cast<void>(fd.release());
    winner_ = *std::move(made);
    finish({});
}

void connect_call::waited(const need& what, const result<void>& ended) noexcept {
    // Timers of ours end waits, too.
    if (!ended && !(ended.error() == std::errc::timed_out && what.until.expired())) {
        // What has come by now counts.
        collect();
        finish(ended.error());
    }
}

result<socket> connect_call::take() {
    if (error_) {
        return base::fail(error_, "connect", peer_);
    }
    return std::move(winner_);
}

result<socket> connect(resolver& names, std::string_view host, std::uint16_t port, deadline until,
                       const connect_options& options) {
    WEFT_ASSERT(!sched::on_coroutine(), "a coroutine must co_await weft::co::connect");
    connect_call call(access::core_of(names), host, port, options);
    run(call, until);
    return call.take();
}

}  // namespace weft::dns

namespace weft::co {

namespace {

// A copy of the text: the caller's may be gone when the task begins.
task<result<socket>> connect_copy(dns::core& of, std::string host, std::uint16_t port,
                                  deadline until, dns::connect_options options) {
    dns::connect_call call(of, host, port, options);
    co_await dns::run_async(call, until);
    co_return call.take();
}

}  // namespace

task<result<socket>> connect(dns::resolver& names, std::string_view host, std::uint16_t port,
                             deadline until, const dns::connect_options& options) {
    return connect_copy(dns::access::core_of(names), std::string(host), port, until, options);
}

}  // namespace weft::co
