// SPDX-License-Identifier: Apache-2.0
//
// Descriptors as cases of a select (<weft/select.h>): weft's own, in src/io/readiness_case.cpp, and
// any others, in src/io/event_case.cpp. Not an API by itself.
#pragma once

#include <poll.h>

#include <cstddef>
#include <utility>

#include <weft/detail/select_case.h>

namespace weft {

class socket;
class listener;
class datagram_socket;

namespace io {

class descriptor_owner;
class fd_poller;
class poll_descriptor;

/// A call on a socket or pipe in one direction would not wait.
class readiness_case : public sync::select_source {
protected:
    readiness_case(const socket& on, bool writing) noexcept;
    explicit readiness_case(const listener& on) noexcept;
    readiness_case(const datagram_socket& on, bool writing) noexcept;
    readiness_case(const descriptor_owner& on, bool writing) noexcept;

private:
    void begin() noexcept override;
    void end(bool taken) noexcept override;
    bool is_ready(bool adds) noexcept override;
    bool add(sched::waiter& who) noexcept override;
    void remove() noexcept override;
    [[nodiscard]] pollfd poll_entry() const noexcept override;

    poll_descriptor* const descriptor_;  // null: closed
    const bool writing_;
    bool in_use_ = false;             // a call on the socket, until end()
    bool waits_ = false;              // from add() to remove()
    bool was_notified_ = false;       // its place in the queue of a shared one was used up
    bool refused_ = false;            // it cannot be waited for: a call will say why
    alignas(8) std::byte place_[40];  // a poll_wait
};

/// One of some events, as of poll(2), has come at a descriptor that need not be weft's own.
class event_case : public sync::select_source {
protected:
    event_case(int fd, short events) noexcept : fd_(fd), events_(events) {}

    /// The events for which it was taken. As poll(2) says: POLLNVAL if it is no descriptor.
    [[nodiscard]] short found() const noexcept;

    /// It cannot be waited for.
    [[nodiscard]] bool refused() const noexcept { return refused_; }

    void begin() noexcept override;
    void end(bool taken) noexcept override;
    bool is_ready(bool adds) noexcept override;
    bool add(sched::waiter& who) noexcept override;
    void remove() noexcept override;
    [[nodiscard]] pollfd poll_entry() const noexcept override;

private:
    const int fd_;
    const short events_;
    bool refused_ = false;
    int found_ = 0;                   // events, or an errno value, negated
    fd_poller* poller_ = nullptr;     // from add() to remove()
    alignas(8) std::byte place_[56];  // an fd_wait
};

}  // namespace io

namespace sync {

/// A case of event_case whose handler takes the events.
template <class Handler>
class events_case final : public io::event_case {
public:
    events_case(int fd, short events, Handler handler)
        : event_case(fd, events), handler_(std::move(handler)) {}

    void run() override { handler_(found()); }

private:
    Handler handler_;
};

}  // namespace sync

}  // namespace weft
