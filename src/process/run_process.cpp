// SPDX-License-Identifier: Apache-2.0
//
// Feeding a program and gathering what it writes: one select over its three pipes, so that no pipe
// can be full while another one is waited for, and so that it takes no fiber beside the caller. The
// loop is written twice, for callers that block and for coroutines; what both do is in gathering.
#include <weft/co.h>
#include <weft/errno.h>
#include <weft/process.h>

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <new>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "io/socket_ops.h"
#include "process/child_state.h"
#include "sched/cancellable_wait.h"

namespace weft {

namespace {

constexpr std::size_t piece = 64 * 1024;  // as much as a pipe holds

/// What the program needs to be gathered from.
process_options with_pipes(process_options options, const run_options& run) {
    using enum process_stream::kind;
    if (options.input.what() == inherit) {
        options.input = run.input.empty() ? process_stream::null() : process_stream::pipe();
    }
    if (options.output.what() == inherit) {
        options.output = process_stream::pipe();
    }
    if (options.error.what() == inherit) {
        options.error = process_stream::pipe();
    }
    return options;
}

class gathering {
public:
    gathering(child_process child, std::string program, const run_options& run)
        : child_(std::move(child)),
          program_(std::move(program)),
          input_(std::as_bytes(std::span(run.input))),
          limit_(run.output_limit) {
        if (input_.empty()) {
            child_.input().close();
        }
    }

    /// Before a select over the cases of a turn: whether anything is left to be done. A program
    /// that writes all the time must not keep a select from seeing that time is up, or a stop.
    [[nodiscard]] bool goes_on(const sched::cancel_bounds* bounds, deadline until) noexcept {
        if (const int error = sched::ended_by(bounds, until)) {
            fail(ssize_t{error});
        }
        if (!is_heard() && child_.input().is_open() && !end_.is_open()) {
            watch_end();
        }
        return !error_ && (child_.input().is_open() || is_heard());
    }

    /// Readable when the program has ended; open if only its input is left.
    [[nodiscard]] pipe_reader& end() noexcept { return end_; }

    [[nodiscard]] child_process& child() noexcept { return child_; }

    /// Why it cannot go on; none if it can.
    [[nodiscard]] std::error_code error() const noexcept { return error_; }

    process_output finish(exit_status ended) {
        return {.status = ended, .output = std::move(output_), .error = std::move(errors_)};
    }

    std::unexpected<weft::error> give_up(std::error_code why) noexcept {
        if (!child_.kill_group(SIGKILL)) {
            (void)child_.kill(SIGKILL);
        }
        return base::fail(why, "run", program_);
    }

    void fail(std::error_code error) noexcept { error_ = error; }

    void feed() noexcept {
        pipe_writer& in = child_.input();
        const ssize_t n = attempt(in, io::direction::write,
                                  [&](io::poll_descriptor& d) { return io::try_write(d, input_); });
        if (n >= 0) {
            input_ = input_.subspan(static_cast<std::size_t>(n));
        }
        // A program that does not read all of its input has its reasons.
        if (input_.empty() || n == -EPIPE) {
            in.close();
        } else if (n < 0 && n != -EAGAIN) {
            fail(-n);
        }
    }

    /// It has ended: nothing that it has left behind, with the same input, is fed.
    void stop_feeding() noexcept {
        child_.input().close();
        end_.close();
    }

    void take_output() { take(child_.output(), output_); }
    void take_errors() { take(child_.error(), errors_); }

private:
    void fail(ssize_t error) noexcept { error_ = base::fail(static_cast<int>(error)).error(); }

    [[nodiscard]] bool is_heard() noexcept {
        return child_.output().is_open() || child_.error().is_open();
    }

    /// A pidfd of its own, since this one does not block.
    [[gnu::noinline]] void watch_end() noexcept {
        base::unique_fd fd(static_cast<int>(::syscall(SYS_pidfd_open, child_.id(), 0)));
        if (!fd.valid()) {
            const int error = errno;
            if (error == ESRCH) {
                stop_feeding();  // somebody else has waited for it
            } else {
                fail(ssize_t{error});
            }
            return;
        }
        auto taken = pipe_reader::from_native(fd.get());
        if (!taken) {
            error_ = taken.error();
            return;
        }
        (void)fd.release();
        end_ = std::move(*taken);
    }

    /// Something is there, as the select says; its flag does not know of it on a plain thread.
    template <class Attempt>
    static ssize_t attempt(const io::descriptor_owner& end, io::direction dir,
                           Attempt attempt) noexcept {
        io::poll_descriptor* const d = io::access::descriptor(end);
        const io::use call(*d, dir);
        if (call.error() != 0) {
            return -call.error();
        }
        d->mark_ready(dir);
        return attempt(*d);
    }

    void take(pipe_reader& out, std::string& text) {
        const std::size_t before = text.size();
        ssize_t n = 0;
        try {
            text.resize_and_overwrite(before + piece, [&](char* bytes, std::size_t) noexcept {
                n = attempt(out, io::direction::read, [&](io::poll_descriptor& d) {
                    return io::try_read(d,
                                        std::as_writable_bytes(std::span(bytes + before, piece)));
                });
                return before + static_cast<std::size_t>(n > 0 ? n : 0);
            });
        } catch (const std::bad_alloc&) {
            n = -ENOMEM;
        }
        if (n == 0) {
            out.close();
        } else if (n < 0 && n != -EAGAIN) {
            fail(-n);
        } else if (text.size() > limit_) {
            error_ = make_error_code(errc::limit_exceeded);
        }
    }

    child_process child_;
    std::string program_;
    pipe_reader end_;
    std::span<const std::byte> input_;
    const std::size_t limit_;
    std::string output_;
    std::string errors_;
    std::error_code error_;
};

struct feeds {
    gathering& of;
    void operator()() const noexcept { of.feed(); }
};
struct takes_output {
    gathering& of;
    void operator()() const { of.take_output(); }
};
struct takes_errors {
    gathering& of;
    void operator()() const { of.take_errors(); }
};
struct stops_feeding {
    gathering& of;
    void operator()() const noexcept { of.stop_feeding(); }
};
struct times_out {
    gathering& of;
    void operator()() const noexcept { of.fail(make_error_code(std::errc::timed_out)); }
};

/// The cases of one select: the pipes that are open, the end of the program, and the deadline.
class turn {
public:
    turn(gathering& of, deadline until)
        : in_(feeds{of}, of.child().input(), true),
          out_(takes_output{of}, of.child().output(), false),
          error_(takes_errors{of}, of.child().error(), false),
          end_(stops_feeding{of}, of.end(), false),
          until_(times_out{of}, until) {
        add(in_, of.child().input());
        add(out_, of.child().output());
        add(error_, of.child().error());
        add(end_, of.end());
        all_[count_++] = &until_;
    }

    [[nodiscard]] std::span<select_case* const> cases() const noexcept {
        return std::span(all_).first(count_);
    }

private:
    void add(select_case& one, const io::descriptor_owner& end) noexcept {
        if (end.is_open()) {
            all_[count_++] = &one;
        }
    }

    sync::handled<io::readiness_case, feeds> in_;
    sync::handled<io::readiness_case, takes_output> out_;
    sync::handled<io::readiness_case, takes_errors> error_;
    sync::handled<io::readiness_case, stops_feeding> end_;
    sync::handled<sync::deadline_case, times_out> until_;
    std::array<select_case*, 5> all_{};
    std::size_t count_ = 0;
};

}  // namespace

result<process_output> run_process(process_options options, run_options run, deadline until) {
    std::string program = options.program;
    auto child = spawn_process(with_pipes(std::move(options), run));
    if (!child) {
        return std::unexpected(child.error());
    }
    gathering all(std::move(*child), std::move(program), run);
    while (all.goes_on(sched::current_bounds(), until)) {
        const turn next(all, until);
        if (const auto taken = select(next.cases()); !taken) {
            all.fail(taken.error());
        }
    }
    if (all.error()) {
        return all.give_up(all.error());
    }
    const auto ended = all.child().wait(until);
    if (!ended) {
        return all.give_up(ended.error());
    }
    return all.finish(*ended);
}

namespace co {

task<result<process_output>> run_process(process_options options, run_options run, deadline until) {
    std::string program = options.program;
    auto child = spawn_process(with_pipes(std::move(options), run));
    if (!child) {
        co_return std::unexpected(child.error());
    }
    gathering all(std::move(*child), std::move(program), run);
    const auto& self = co_await coro::this_promise<task<result<process_output>>::promise_type>();
    while (all.goes_on(self.bounds(), until)) {
        const turn next(all, until);
        const auto taken = co_await co::select(next.cases());
        if (!taken) {
            all.fail(taken.error());
        }
    }
    if (all.error()) {
        co_return all.give_up(all.error());
    }
    const auto ended = co_await co::wait(all.child(), until);
    if (!ended) {
        co_return all.give_up(ended.error());
    }
    co_return all.finish(*ended);
}

}  // namespace co

}  // namespace weft
