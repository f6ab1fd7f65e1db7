// SPDX-License-Identifier: Apache-2.0
//
// A call that may have to wait, written once for fibers, plain threads and coroutines: an object
// that says what to try, and what to wait for when that would block. perform() is the form that
// parks or blocks, coro/async_call.h the one that suspends.
//
//     class some_call {
//         static constexpr const char* operation;  // what its failures name
//         int begin() noexcept;                    // 0 or an errno value; takes part in the use of
//         void end() noexcept;                     //   its descriptors, until end()
//         std::int64_t attempt() noexcept;         // 0 and more: done. -EAGAIN: wait for
//         blocking_place waits_for() const;        //   waits_for(), then attempt again. -EBUSY:
//         the
//                                                  //   same in a while. Else an errno value,
//                                                  negated
//         result<T> finish(std::int64_t outcome);  // what to return
//     };
//
// attempt() never waits, on whomever it runs: the hot calls, socket::read() and write(), let the
// kernel wait on a plain thread, which saves two system calls for each wait; these do not.
#pragma once

#include <cerrno>
#include <cstdint>

#include "base/error.h"
#include "io/poll_descriptor.h"
#include "io/socket_ops.h"
#include "io/wait.h"
#include "sched/current.h"

namespace weft::io {

struct blocking_place {
    poll_descriptor* descriptor;
    direction dir;
};

/// The outcome of `call`, between its begin() and end().
template <class Call>
std::int64_t attempt_until(Call& call, deadline until) noexcept {
    for (;;) {
        const std::int64_t outcome = call.attempt();
        if (outcome == -EBUSY) {
            if (until.expired()) {
                return -ETIMEDOUT;
            }
            if (const int error = sleep_until(when_to_retry(until))) {
                return error;
            }
            continue;
        }
        const blocking_place place = call.waits_for();
        if (outcome != -EAGAIN) {
            if (sched::on_fiber()) {
                let_others_run(*place.descriptor);
            }
            return outcome;
        }
        if (const int error = wait_until_ready(*place.descriptor, place.dir, until)) {
            return last_try(*place.descriptor, place.dir, error, [&call] {
                const std::int64_t last = call.attempt();
                return last == -EBUSY ? -EAGAIN : last;
            });
        }
    }
}

/// On a fiber or a plain thread.
template <class Call>
auto perform(Call call, deadline until) -> decltype(call.finish(0)) {
    if (const int error = call.begin()) {
        return base::fail(error, Call::operation);
    }
    const std::int64_t outcome = attempt_until(call, until);
    call.end();
    return call.finish(outcome);
}

/// For finish().
inline std::unexpected<error> failed(std::int64_t outcome, const char* operation,
                                     std::string_view subject = {}) noexcept {
    return base::fail(static_cast<int>(-outcome), operation, subject);
}

/// What the calls on one descriptor, in one direction, share.
class single_call {
public:
    /// `descriptor` may be null: closed.
    single_call(poll_descriptor* descriptor, direction dir) noexcept
        : descriptor_(descriptor), dir_(dir) {}

    int begin() noexcept { return descriptor_ != nullptr ? descriptor_->begin(use()) : EBADF; }
    void end() noexcept { descriptor_->end(use()); }
    [[nodiscard]] blocking_place waits_for() const noexcept { return {descriptor_, dir_}; }

protected:
    [[nodiscard]] poll_descriptor& descriptor() const noexcept { return *descriptor_; }

private:
    [[nodiscard]] direction use() const noexcept {
        return descriptor_->is_shared() ? direction::read : dir_;
    }

    poll_descriptor* descriptor_;
    direction dir_;
};

}  // namespace weft::io
