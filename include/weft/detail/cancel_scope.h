// SPDX-License-Identifier: Apache-2.0
//
// What bounds the waits of a fiber, coroutine or plain thread: a stop token and a deadline. The
// public faces are in <weft/scope.h>; this is what they and the waiting calls share.
//
//     cancel_scope   entered and left in turns, like a stack: each begins with what bounds the one
//                    around it. Lies on the stack, or in the frame, of whoever runs in it.
//     stop_watch     wakes whoever waits in such scopes when a stop is requested. One callback for
//                    each fiber and token, not one for each wait: a thousand fibers of one scope
//                    would else meet at its token's lock whenever they wait.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>

#include <weft/time.h>

namespace weft::sched {

class waiter;

class stop_watch {
public:
    explicit stop_watch(const std::stop_token& token) : callback_(token, fire{this}) {}
    stop_watch(const stop_watch&) = delete;
    stop_watch& operator=(const stop_watch&) = delete;

    /// From now until end() a stop wakes `who` with wake_reason::cancelled; at once if it has been
    /// requested. `who` is prepared. By its owner.
    void begin(waiter& who) noexcept;
    /// For a plain thread in poll(2): a stop adds 1 to the eventfd `descriptor`.
    void begin(int descriptor) noexcept;

    /// Afterwards the watch knows nothing of the waiter or descriptor.
    void end() noexcept;

private:
    struct fire {
        stop_watch* watch;
        void operator()() const noexcept { watch->stop(); }
    };

    void stop() noexcept;
    void wake() noexcept;

    std::uint32_t lock_ = 0;  // guards what follows
    bool stopped_ = false;
    int descriptor_ = -1;
    waiter* who_ = nullptr;
    std::stop_callback<fire> callback_;  // last: it may be called before it is made
};

/// A token that stops when any of two does.
class linked_stop {
public:
    linked_stop(const std::stop_token& a, const std::stop_token& b)
        : a_(a, forward{&source_}), b_(b, forward{&source_}) {}

    [[nodiscard]] std::stop_source& source() noexcept { return source_; }

private:
    struct forward {
        std::stop_source* source;
        void operator()() const noexcept { source->request_stop(); }
    };

    std::stop_source source_;
    std::stop_callback<forward> a_;
    std::stop_callback<forward> b_;
};

/// What waits are bounded by, as a coroutine hands it on to those that it awaits.
struct cancel_bounds {
    std::stop_token token;
    stop_watch* watch = nullptr;  ///< null: nothing requests a stop
    deadline until;
};

/// Current for the fiber or plain thread that makes it, until its end.
class cancel_scope {
public:
    /// Within what bounds the caller already; a token without state adds nothing.
    cancel_scope(const std::stop_token& token, deadline until);
    ~cancel_scope();
    cancel_scope(const cancel_scope&) = delete;
    cancel_scope& operator=(const cancel_scope&) = delete;

    [[nodiscard]] const cancel_bounds& bounds() const noexcept { return bounds_; }

    /// Of the fiber or plain thread that calls; null: nothing bounds it.
    static cancel_scope* current() noexcept;

private:
    static void set_current(cancel_scope* scope);

    cancel_scope* const outer_;
    std::optional<linked_stop> linked_;
    cancel_bounds bounds_;
    std::optional<stop_watch> watch_;
};

}  // namespace weft::sched
