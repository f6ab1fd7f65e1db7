// SPDX-License-Identifier: Apache-2.0
//
// The cases of a select, as its core sees them. Not an API: <weft/select.h> makes them; the code is
// in src/sync/select_core.cpp and, for sockets and pipes, in src/io/readiness_case.cpp.
#pragma once

#include <poll.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <type_traits>
#include <utility>

#include <weft/detail/channel_state.h>
#include <weft/error.h>
#include <weft/time.h>

namespace weft {

namespace sched {
class waiter;
}

namespace sync {

struct select_core;
class selection;

enum class case_kind : std::uint8_t { send, receive, source, stop, deadline, otherwise };

}  // namespace sync

/// A case of a select; see <weft/select.h>. It may serve several selects, one after another; it
/// neither moves nor is copied, since others refer to it while somebody waits.
class select_case {
public:
    select_case(const select_case&) = delete;
    select_case& operator=(const select_case&) = delete;
    virtual ~select_case() = default;

    /// Calls the handler. After a select has taken the case, once.
    virtual void run() = 0;

protected:
    explicit select_case(sync::case_kind kind) noexcept : kind_(kind) {}

private:
    friend struct sync::select_core;
    friend class sync::selection;

    const sync::case_kind kind_;
};

namespace sync {

/// A case, or a reference to one.
template <class T>
concept any_case = std::convertible_to<std::remove_reference_t<T>*, select_case*>;

class channel_case : public select_case {
public:
    /// Whether the value went over; or else the channel was found closed. When it was taken.
    [[nodiscard]] bool moved() const noexcept { return end_ == channel_end::moved; }

protected:
    /// `state` may be null: never ready.
    channel_case(case_kind kind, channel_state* state) noexcept
        : select_case(kind), state_(state) {}

    /// What is sent, or the memory for what is received. By the constructor.
    void set_value(void* value) noexcept { value_ = value; }

private:
    friend struct select_core;
    friend class selection;

    channel_state* const state_;
    void* value_ = nullptr;
    channel_end end_ = channel_end::would_wait;
    channel_case* next_locked_ = nullptr;  // in the order of their channels' addresses
    alignas(8) std::byte node_[48];        // a channel_node, while it waits
};

/// Something beyond channels that a select waits for.
class select_source : public select_case {
protected:
    select_source() noexcept : select_case(case_kind::source) {}

private:
    friend struct select_core;
    friend class selection;

    /// Before everything else, and after. `taken`: this case will run.
    virtual void begin() noexcept = 0;
    virtual void end(bool taken) noexcept = 0;

    /// Whether it is ready now. `adds`: if nothing is, add() follows, and will say so if this comes
    /// too early.
    virtual bool is_ready(bool adds) noexcept = 0;

    /// `who` has been prepared. From now on it is woken when this may have become ready. False: it
    /// may be ready now; remove() is called all the same.
    virtual bool add(sched::waiter& who) noexcept = 0;

    /// It wakes nobody any more.
    virtual void remove() noexcept = 0;

    /// When it becomes ready by itself, however nobody wakes it: asked once, before everything
    /// else.
    [[nodiscard]] virtual deadline wakes_at() const noexcept { return {}; }

    /// What a plain thread waits for.
    [[nodiscard]] virtual pollfd poll_entry() const noexcept = 0;
};

class stop_case : public select_case {
protected:
    explicit stop_case(std::stop_token token) noexcept
        : select_case(case_kind::stop), token_(std::move(token)) {}

private:
    friend struct select_core;
    friend class selection;

    struct fire {
        stop_case* of;
        void operator()() const noexcept { of->stopped(); }
    };
    void stopped() noexcept;

    std::stop_token token_;
    sched::waiter* who_ = nullptr;
    bool fired_ = false;  // its wake-up won
    std::optional<std::stop_callback<fire>> callback_;
};

class deadline_case : public select_case {
protected:
    explicit deadline_case(deadline until) noexcept
        : select_case(case_kind::deadline), until_(until) {}

private:
    friend struct select_core;
    friend class selection;

    const deadline until_;
};

class otherwise_case : public select_case {
protected:
    otherwise_case() noexcept : select_case(case_kind::otherwise) {}
};

struct no_handler {
    void operator()() const noexcept {}
};

/// A case whose handler takes nothing.
template <class Base, class Handler>
class handled final : public Base {
public:
    template <class... Args>
    explicit handled(Handler act, Args&&... args)
        : Base(std::forward<Args>(args)...), handler_(std::move(act)) {}

    void run() override { handler_(); }

private:
    Handler handler_;
};

/// The index of the case that was taken; run() is the caller's.
result<std::size_t> select_one(std::span<select_case* const> cases) noexcept;

}  // namespace sync

}  // namespace weft
