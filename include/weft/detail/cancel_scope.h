// SPDX-License-Identifier: Apache-2.0
//
// What bounds the waits of a fiber, coroutine or plain thread: a stop token and a deadline. The
// public faces are in <weft/scope.h>; this is what they and the waiting calls share.
//
//     cancel_region  bounds, made of those around it and of what it adds. Lies on the stack, or in
//                    the frame, of whoever runs in it.
//     cancel_scope   a region that the calls of a fiber or plain thread find; entered and left in
//                    turns, like a stack. A coroutine hands its region on by its promise.
//     stop_watch     wakes whoever waits in such scopes when a stop is requested. One callback for
//                    each fiber and token, not one for each wait: a thousand fibers of one scope
//                    would else meet at its token's lock whenever they wait.
//
// What asks libstdc++ for the calling thread (request_stop() and the end of a std::stop_callback)
// is in functions of their own here, because compilers keep the answer across a wait in the
// function that asked for it, and a fiber may go on on another thread.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>

#include <weft/time.h>

namespace weft::sched {

class waiter;

/// source.request_stop(). Where NDEBUG is not defined, a callback that makes the fiber wait or
/// yield then aborts: who else runs on its kernel thread would be taken for the fiber.
bool request_stop(const std::stop_source& source) noexcept;

/// For tests: requests a stop right before one of the waits that follow.
struct stop_fuse {
    std::stop_source source;
    std::uint64_t waits_left = 0;  ///< reaches 0 at the wait that is stopped, and then stays

    /// Before a wait. Any thread.
    void burn() noexcept;
};

class stop_watch {
public:
    /// `fuse` may be null.
    stop_watch(const std::stop_token& token, stop_fuse* fuse)
        : fuse_(fuse), callback_(token, fire{this}) {}
    ~stop_watch();
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

    stop_fuse* const fuse_;
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
    ~linked_stop();
    linked_stop(const linked_stop&) = delete;
    linked_stop& operator=(const linked_stop&) = delete;

    [[nodiscard]] std::stop_source& source() noexcept { return source_; }

private:
    struct forward {
        std::stop_source* source;
        void operator()() const noexcept { sched::request_stop(*source); }
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
    stop_fuse* fuse = nullptr;  ///< null: no test
};

/// Of the fiber or plain thread that calls; null: nothing bounds it.
const cancel_bounds* current_bounds() noexcept;

class cancel_region {
public:
    /// Within `outer`, unless that is null; a token without state adds nothing. If `outer` has no
    /// watch, its token is taken to stop with `token`.
    cancel_region(const cancel_bounds* outer, const std::stop_token& token, deadline until);
    cancel_region(const cancel_region&) = delete;
    cancel_region& operator=(const cancel_region&) = delete;

    [[nodiscard]] const cancel_bounds& bounds() const noexcept { return bounds_; }

private:
    cancel_bounds bounds_;
    std::optional<linked_stop> linked_;
    std::optional<stop_watch> watch_;
};

/// Holds for the fiber or plain thread that makes it, until its end.
class cancel_scope {
public:
    /// Within what bounds the caller.
    cancel_scope(const std::stop_token& token, deadline until)
        : cancel_scope(current_bounds(), token, until) {}
    /// Within `outer` only; null: within nothing.
    cancel_scope(const cancel_bounds* outer, const std::stop_token& token, deadline until)
        : outer_(current_bounds()), region_(outer, token, until) {
        set_current(&region_.bounds());
    }
    ~cancel_scope() { set_current(outer_); }
    cancel_scope(const cancel_scope&) = delete;
    cancel_scope& operator=(const cancel_scope&) = delete;

    [[nodiscard]] const cancel_bounds& bounds() const noexcept { return region_.bounds(); }

private:
    /// Throws std::bad_alloc the first time on a fiber.
    static void set_current(const cancel_bounds* bounds);

    const cancel_bounds* const outer_;
    cancel_region region_;
};

}  // namespace weft::sched
