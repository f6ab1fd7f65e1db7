// SPDX-License-Identifier: Apache-2.0
#include <weft/signal.h>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>
#include <system_error>

#include "base/error.h"
#include "base/fd.h"
#include "io/signal_calls.h"

namespace weft {

namespace io {

// A record is written at once, so it is read at once.
std::int64_t signal_wait::attempt() noexcept {
    const ssize_t n = try_read(descriptor(), std::as_writable_bytes(std::span(&record_, 1)));
    return n == 0 ? -ECANCELED : n;  // the pipe of a set that is being closed
}

result<signal_info> signal_wait::finish(std::int64_t outcome) const noexcept {
    if (outcome < 0) {
        return failed(outcome, operation);
    }
    return signal_info{.signal = record_.signal,
                       .code = record_.code,
                       .process = record_.process,
                       .user = record_.user,
                       .value = record_.value};
}

}  // namespace io

signal_set::signal_set(std::initializer_list<int> signals) {
    auto made = make(std::span(signals.begin(), signals.size()));
    if (!made) {
        throw std::system_error(made.error(), "weft::signal_set");
    }
    *this = std::move(*made);
}

result<signal_set> signal_set::make(std::span<const int> signals) {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
        return base::fail_errno("watch for signals");
    }
    base::unique_fd out(fds[0]);
    base::unique_fd in(fds[1]);
    io::poll_descriptor* const d = io::poll_descriptor::make(out.get(), io::protocol::no_socket,
                                                             io::poll_descriptor::role::stream);
    if (d == nullptr) {
        return base::fail(std::errc::not_enough_memory, "watch for signals");
    }
    (void)out.release();
    signal_set made(d, -1);
    made.place_ = io::signal_registry::instance().add(signals, std::move(in));
    if (made.place_ < 0) {
        return base::fail(-made.place_, "watch for signals");
    }
    return made;
}

signal_set& signal_set::operator=(signal_set&& other) noexcept {
    if (this != &other) {
        close();
        descriptor_owner::operator=(std::move(other));
        place_ = std::exchange(other.place_, -1);
    }
    return *this;
}

signal_set::~signal_set() {
    close();
}

result<signal_info> signal_set::wait(deadline until) {
    return io::perform(io::signal_wait(descriptor()), until);
}

// The handler first: it must not write to a pipe that nobody can read.
void signal_set::close() noexcept {
    const int place = __atomic_exchange_n(&place_, -1, __ATOMIC_ACQ_REL);
    if (place >= 0) {
        io::signal_registry::instance().remove(place);
    }
    descriptor_owner::close();
}

}  // namespace weft
