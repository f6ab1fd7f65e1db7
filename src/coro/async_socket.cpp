// SPDX-License-Identifier: Apache-2.0
//
// A coroutine in a call on a socket or pipe: the loop of io/socket_ops.h, cut at the place where it
// waits. What is tried again when the socket is ready runs before the coroutine is resumed, so that
// a wake-up for nothing costs no resumption. The call is in flight (poll_descriptor::begin, end)
// from await_ready() until its outcome is there.
#include <weft/co.h>

#include <cerrno>

#include "base/error.h"
#include "coro/readiness.h"
#include "io/call.h"
#include "io/socket_ops.h"
#include "io/wait.h"
#include "sched/current.h"

namespace weft::coro {

namespace {

using io::direction;
using io::poll_descriptor;

constexpr direction direction_of(socket_call call) noexcept {
    return call == socket_call::write ? direction::write : direction::read;
}

}  // namespace

template <socket_call Call>
class socket_awaiter<Call>::operation final : public readiness_operation {
public:
    operation(socket_awaiter& call, std::coroutine_handle<> coroutine,
              const sched::cancel_bounds* bounds) noexcept
        : readiness_operation(&run, coroutine, call.until_, bounds), call_(&call) {}

    /// After an attempt that would block. True: suspended. False: the outcome is there.
    bool start() noexcept { return !advance(wait_until_ready(*call_->descriptor_, dir)); }

private:
    static constexpr direction dir = direction_of(Call);

    static void run(coroutine_waiter& self) noexcept {
        auto& me = static_cast<operation&>(self);
        if (me.advance(me.after_wait(*me.call_->descriptor_, dir))) {
            me.resume_coroutine();
        }
    }

    /// `waited`: what wait_until_ready() said. False: suspended, and all of this may be gone.
    bool advance(int waited) noexcept {
        for (;;) {
            if (waited == -EAGAIN) {
                return false;
            }
            const auto attempt = [this] { return call_->attempt(); };
            const std::int64_t outcome =
                waited == 0 ? attempt() : io::last_try(*call_->descriptor_, dir, waited, attempt);
            if (outcome != -EAGAIN) {
                call_->finish(outcome);
                return true;
            }
            waited = wait_until_ready(*call_->descriptor_, dir);
        }
    }

    socket_awaiter* call_;
};

/// One try; -EAGAIN if it would block.
template <socket_call Call>
std::int64_t socket_awaiter<Call>::attempt() noexcept {
    if constexpr (Call == socket_call::read) {
        return io::try_read(*descriptor_, std::span(data_, size_));
    } else if constexpr (Call == socket_call::accept) {
        return io::try_accept(*descriptor_);
    } else {
        while (size_ != 0) {
            const ssize_t n = io::try_write(*descriptor_, std::span(data_, size_));
            if (n < 0) {
                return n;
            }
            data_ += n;
            size_ -= static_cast<std::size_t>(n);
        }
        return 0;
    }
}

template <socket_call Call>
void socket_awaiter<Call>::finish(std::int64_t outcome) noexcept {
    outcome_ = outcome;
    finished_ = true;
    descriptor_->end(direction_of(Call));
}

template <socket_call Call>
bool socket_awaiter<Call>::await_ready() noexcept {
    if (descriptor_ == nullptr) [[unlikely]] {
        outcome_ = -EBADF;
        return true;
    }
    if (const int error = descriptor_->begin(direction_of(Call))) [[unlikely]] {
        outcome_ = -error;
        return true;
    }
    if constexpr (Call == socket_call::accept) {
        if (const int error = descriptor_->make_nonblocking()) {
            finish(-error);
            return true;
        }
    } else if (size_ == 0) {
        finish(0);
        return true;
    }
    const std::int64_t outcome = attempt();
    if (outcome == -EAGAIN) {
        return false;
    }
    const bool let_others_run = descriptor_->has_run_long();
    finish(outcome);
    return !let_others_run;
}

template <socket_call Call>
bool socket_awaiter<Call>::start(std::coroutine_handle<> coroutine,
                                 const sched::cancel_bounds* bounds) noexcept {
    if (finished_) {
        reschedule(suspension_.template emplace<coro::operation>(&resume_scheduled, coroutine));
        return true;
    }
    return suspension_.template emplace<operation>(*this, coroutine, bounds).start();
}

template class socket_awaiter<socket_call::read>;
template class socket_awaiter<socket_call::write>;
template class socket_awaiter<socket_call::accept>;

read_awaiter::read_awaiter(socket& from, std::span<std::byte> bytes, deadline until) noexcept
    : socket_awaiter(io::access::descriptor(from), bytes.data(), bytes.size(), until) {}

read_awaiter::read_awaiter(pipe_reader& from, std::span<std::byte> bytes, deadline until) noexcept
    : socket_awaiter(io::access::descriptor(from), bytes.data(), bytes.size(), until) {}

result<std::size_t> read_awaiter::await_resume() noexcept {
    if (outcome() < 0) [[unlikely]] {
        return io::failed(outcome(), "read");
    }
    return static_cast<std::size_t>(outcome());
}

// The bytes are only read: the two directions share one type.
write_awaiter::write_awaiter(socket& to, std::span<const std::byte> bytes, deadline until) noexcept
    : socket_awaiter(io::access::descriptor(to), const_cast<std::byte*>(bytes.data()), bytes.size(),
                     until) {}

write_awaiter::write_awaiter(pipe_writer& to, std::span<const std::byte> bytes,
                             deadline until) noexcept
    : socket_awaiter(io::access::descriptor(to), const_cast<std::byte*>(bytes.data()), bytes.size(),
                     until) {}

result<void> write_awaiter::await_resume() noexcept {
    if (outcome() < 0) [[unlikely]] {
        return io::failed(outcome(), "write");
    }
    return {};
}

accept_awaiter::accept_awaiter(listener& from, deadline until) noexcept
    : socket_awaiter(io::access::descriptor(from), nullptr, 0, until) {}

result<socket> accept_awaiter::await_resume() noexcept {
    if (outcome() < 0) {
        return io::failed(outcome(), "accept");
    }
    const auto adopted = io::adopt(static_cast<int>(outcome()), descriptor()->proto());
    if (!adopted) {
        return base::fail(adopted.error(), "accept");
    }
    return io::access::make_socket(**adopted);
}

}  // namespace weft::coro

namespace weft::co {

task<result<socket>> connect(endpoint peer, deadline until) {
    const auto made = io::make_connecting(peer);
    if (!made) {
        co_return std::unexpected(made.error());
    }
    io::poll_descriptor& d = **made;
    socket connecting = io::access::make_socket(d);
    int error = 0;
    {
        const io::use call(d, io::direction::write);
        while ((error = io::try_connect(d, peer)) != 0) {
            if (error == -EBUSY) {
                if (until.expired()) {
                    error = -ETIMEDOUT;
                    break;
                }
                const auto slept = co_await sleep_until(io::when_to_retry(until));
                if (!slept) {
                    error = -slept.error().value();
                    break;
                }
            } else if (error != -EAGAIN || (error = co_await coro::readiness_awaiter(
                                                d, io::direction::write, until)) != 0) {
                break;
            }
        }
        if (error == 0) {
            error = io::finish_connect(d);
        }
    }
    if (error != 0) {
        co_return io::connect_failed(base::code_of(-error), peer);
    }
    co_return connecting;
}

}  // namespace weft::co
