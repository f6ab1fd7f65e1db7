// SPDX-License-Identifier: Apache-2.0
//
// Signals of this process, as something to wait for.
//
//     weft::signal_set stops({SIGINT, SIGTERM});
//     const auto signal = stops.wait();            // on a fiber, a coroutine or a plain thread
//
//     weft::select(weft::on_readable(stops, [&] { which = stops.wait(); }),
//                  weft::on_readable(listening, [&] { ... }));
//
// As long as a set that contains a signal is there, that signal does not do what it does otherwise:
// neither its default action nor a handler of the program. All sets that contain it get it. With
// the last of them its former action comes back.
//
// Why a handler, and not signalfd(2). A signalfd gets a signal only if all threads block it: those
// of libraries, those that were there before, those of other runtimes; and what the program starts
// by other means than <weft/process.h> would begin with it blocked. So the signal is caught by a
// handler, on whatever thread, which writes to a pipe and does nothing else. A set may be made at
// any time, before and after the threads that it works for. What the handler interrupts goes on
// (SA_RESTART), but for a few system calls that report EINTR then, as poll(2) and epoll_wait(2):
// see signal(7). weft's own calls hide that.
//
// Several signals of one kind may come as one, as always; a set that nobody reads keeps some 3000,
// then loses what comes. After a fork() without exec the child's signals do what they do by
// default.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <initializer_list>
#include <span>
#include <utility>

#include <weft/detail/descriptor_owner.h>
#include <weft/error.h>
#include <weft/task.h>
#include <weft/time.h>

namespace weft {

/// A signal that has come.
struct signal_info {
    int signal = 0;     ///< its number
    int code = 0;       ///< SI_USER, SI_QUEUE, SI_KERNEL, CLD_EXITED ...; see sigaction(2)
    pid_t process = 0;  ///< who sent it, or for SIGCHLD which child; 0: the kernel
    uid_t user = 0;     ///< whose process
    int value = 0;      ///< what sigqueue(3) sent along; for SIGCHLD the status
};

/// Thread safety: one wait at a time, as with a socket; close() beside it.
class signal_set : public io::descriptor_owner {
public:
    /// Closed: in none.
    signal_set() noexcept = default;

    /// From now on `signals` come to this set. Throws std::system_error with the errors of make().
    explicit signal_set(std::initializer_list<int> signals);

    /// The same. std::errc::invalid_argument for numbers of no signals, for those that cannot be
    /// caught (SIGKILL, SIGSTOP), that faults raise (SIGSEGV, SIGABRT and the like) and that weft
    /// uses (SIGURG); std::errc::too_many_files_open; std::errc::resource_unavailable_try_again
    /// beyond 64 sets. The calling thread unblocks the signals, in case that all had blocked them.
    static result<signal_set> make(std::span<const int> signals);

    signal_set(signal_set&& other) noexcept
        : descriptor_owner(std::move(other)), place_(std::exchange(other.place_, -1)) {}
    signal_set& operator=(signal_set&& other) noexcept;
    /// As close(). Nobody may be in a call.
    ~signal_set();

    /// The next signal.
    result<signal_info> wait(deadline until = {});

    /// The signals do again what they did before; see io::descriptor_owner::close().
    void close() noexcept;

private:
    signal_set(io::poll_descriptor* descriptor, int place) noexcept
        : descriptor_owner(descriptor), place_(place) {}

    int place_ = -1;
};

namespace co {

/// As signal_set::wait.
task<result<signal_info>> wait(signal_set& signals, deadline until = {});

}  // namespace co

}  // namespace weft
