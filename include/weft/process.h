// SPDX-License-Identifier: Apache-2.0
//
// Child processes: other programs, started, fed, listened to, waited for and killed.
//
//     auto child = weft::spawn_process({.program = "sort",
//                                       .input = weft::process_stream::pipe(),
//                                       .output = weft::process_stream::pipe()});
//     child->input().write(bytes);
//     child->input().close();                      // the child gets the end of its input
//     ... child->output().read(buffer) ...
//     const auto status = child->wait(5s);         // exited with a code, or ended by a signal
//
//     const auto done = weft::run_process({.program = "git", .arguments = {"status"}}, {}, 10s);
//     if (done && done->status.success()) { use(done->output); }
//
// What the child gets. Its standard streams as process_options says, and no other descriptor, also
// none that this program forgot to mark as closed on exec. All signals unblocked and with their
// default actions, whatever this process ignores. The environment and working directory of this
// process unless said otherwise.
//
// Why posix_spawn(3): fork() in a process with threads copies its memory map, which takes long in a
// large one, and leaves the child with locks that nobody unlocks. posix_spawn() borrows the memory
// until the program is loaded, runs no handler and no code of this program in between, and reports
// why a program could not be started. Spawning takes 0.5 to 3 ms on a virtual machine, which it
// spends beside the worker (<weft/blocking.h>); so coroutines call the same functions.
//
// Who waits. A child is known by a pidfd, never by its number alone: it cannot be mistaken for a
// later process. Nothing else in the program may wait for children of all kinds (wait(2),
// waitpid(-1)) or ignore SIGCHLD: the status is lost then, and wait() reports
// std::errc::no_child_process.
//
// Needs Linux 5.4 (waitid(2) on a pidfd).
#pragma once

#include <sys/types.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/detail/readiness_case.h>
#include <weft/error.h>
#include <weft/pipe.h>
#include <weft/task.h>
#include <weft/time.h>

namespace weft {

/// How a process ended.
class exit_status {
public:
    /// Ended by itself with this code, from 0 to 255.
    static constexpr exit_status of_code(int code) noexcept { return {code, 0, false}; }
    /// Ended by this signal.
    static constexpr exit_status of_signal(int signal, bool core_dumped = false) noexcept {
        return {0, signal, core_dumped};
    }

    /// By itself; else by a signal.
    [[nodiscard]] constexpr bool exited() const noexcept { return signal_ == 0; }
    /// By itself and with code 0.
    [[nodiscard]] constexpr bool success() const noexcept { return exited() && code_ == 0; }
    /// From 0 to 255; 0 after a signal.
    [[nodiscard]] constexpr int code() const noexcept { return code_; }

    /// By a signal.
    [[nodiscard]] constexpr bool signalled() const noexcept { return signal_ != 0; }
    /// The number of the signal; 0 if there was none.
    [[nodiscard]] constexpr int signal() const noexcept { return signal_; }
    /// Whether the system has written its memory to a file; only after a signal.
    [[nodiscard]] constexpr bool core_dumped() const noexcept { return core_dumped_; }

    /// "exited with code 1", "killed by signal 11 (core dumped)".
    [[nodiscard]] std::string to_string() const;

    friend constexpr bool operator==(const exit_status&, const exit_status&) noexcept = default;

private:
    constexpr exit_status(int code, int signal, bool core_dumped) noexcept
        : code_(code), signal_(signal), core_dumped_(core_dumped) {}

    int code_;
    int signal_;
    bool core_dumped_;
};

/// What one of the standard streams of a child is.
class process_stream {
public:
    /// That of this process.
    constexpr process_stream() noexcept = default;
    /// The same, by name.
    static constexpr process_stream inherit() noexcept { return {}; }
    /// Nothing to read; what is written vanishes.
    static constexpr process_stream null() noexcept { return {kind::null, -1}; }
    /// One whose other end is child_process::input(), output() or error().
    static constexpr process_stream pipe() noexcept { return {kind::pipe, -1}; }
    /// A copy of `fd`, which stays the caller's, and open until the process is spawned.
    static constexpr process_stream descriptor(int fd) noexcept { return {kind::descriptor, fd}; }
    /// For the error stream: where the output goes.
    static constexpr process_stream same_as_output() noexcept { return {kind::output, -1}; }

    /// Which of the above it is.
    enum class kind : std::uint8_t { inherit, null, pipe, descriptor, output };
    /// Which of the above it is.
    [[nodiscard]] constexpr kind what() const noexcept { return kind_; }
    /// That of descriptor(); -1 of the others.
    [[nodiscard]] constexpr int fd() const noexcept { return fd_; }

private:
    constexpr process_stream(kind what, int fd) noexcept : kind_(what), fd_(fd) {}

    kind kind_ = kind::inherit;
    int fd_ = -1;
};

struct process_options {
    /// A path, if it contains a '/'; else looked for in the PATH of this process. A relative path
    /// counts from the child's working directory.
    std::string program = {};
    /// Behind the name of the program, which is the first one of its own.
    std::vector<std::string> arguments = {};
    /// "NAME=value"; nothing: that of this process.
    std::optional<std::vector<std::string>> environment = std::nullopt;
    /// "NAME=value": instead of those of the same names, or beside the others.
    std::vector<std::string> more_environment = {};
    /// Empty: that of this process.
    std::string working_directory = {};
    process_stream input = {};
    process_stream output = {};
    process_stream error = {};
    /// The child leads a process group of its own: kill_group() reaches what it starts, and ^C of a
    /// terminal does not reach it.
    bool new_group = false;
};

/// A child that was started. Its destructor ends it, as that of std::jthread ends a thread: it
/// kills the child, and waits until it is gone. (Not if it may not be killed, since it has changed
/// its user: then it goes on, and is left to init when this process ends.) Move-only.
///
/// Thread safety: wait(), try_wait(), kill() and kill_group() beside anything but moving and
/// destroying. Several may wait; all get the status.
class child_process {
public:
    /// None.
    child_process() noexcept;
    child_process(child_process&&) noexcept;
    /// The child that it had is ended first, as by the destructor.
    child_process& operator=(child_process&& other) noexcept;
    /// Kills the child if it was not waited for, and waits until it is gone.
    ~child_process();

    /// Waits until the child has ended. Then its number is free for others. May be called again.
    result<exit_status> wait(deadline until = {});

    /// Nothing while it runs.
    result<std::optional<exit_status>> try_wait() noexcept;

    /// Sends a signal; std::errc::no_such_process if it has ended and was waited for. Ending takes
    /// a while, and SIGTERM can be ignored: wait().
    result<void> kill(int signal) noexcept;

    /// To the child and all that it has started, unless they have left its group. Only with
    /// process_options::new_group, std::errc::invalid_argument without; and not after wait() has
    /// returned the status: std::errc::no_such_process.
    result<void> kill_group(int signal) noexcept;

    /// The ends of the pipes that were asked for; closed ones otherwise. They may be moved away.
    [[nodiscard]] pipe_writer& input() noexcept { return input_; }
    [[nodiscard]] pipe_reader& output() noexcept { return output_; }
    [[nodiscard]] pipe_reader& error() noexcept { return error_; }

    /// Its process id, to be shown. 0: none.
    [[nodiscard]] pid_t id() const noexcept;

    /// Of the pidfd; becomes readable when the child has ended. -1: none.
    [[nodiscard]] int native_handle() const noexcept;

    /// What the library keeps of it; src/process/child_state.h.
    struct state;

private:
    friend result<child_process> spawn_process(const process_options& options);
    friend struct process_access;

    std::unique_ptr<state> state_;
    pipe_writer input_;
    pipe_reader output_;
    pipe_reader error_;
};

/// A case of weft::select(): the child has ended, or there is none; wait() and try_wait() do not
/// wait then. Any number may wait for one child.
template <std::invocable Handler = sync::no_handler>
[[nodiscard]] auto on_end(const child_process& child, Handler act = {}) {
    return sync::handled<io::event_case, Handler>(std::move(act), child.native_handle(),
                                                  short{POLLIN});
}

/// Starts a program. Errors are those of exec(2): std::errc::no_such_file_or_directory,
/// std::errc::permission_denied, std::errc::executable_format_error ...; and those of making pipes
/// and processes: std::errc::too_many_files_open, std::errc::resource_unavailable_try_again ... .
/// std::errc::invalid_argument for texts that contain a 0 and for names without "=".
result<child_process> spawn_process(const process_options& options);

struct run_options {
    /// What the program can read. Must live until the call returns.
    std::string_view input = {};
    /// Bytes of output, and of errors, beyond which the program is killed and errc::limit_exceeded
    /// is returned.
    std::size_t output_limit = 16 << 20;
};

/// What run_process() has gathered.
struct process_output {
    exit_status status;
    std::string output;
    std::string error;
};

/// Runs a program to its end: feeds it, gathers what it writes, and returns how it ended, whatever
/// the status. Streams that are `inherited` in `options` are gathered; the input is run.input, or
/// empty. Neither side can block the other by a full pipe.
///
/// At the deadline and when the caller is stopped the program is killed (its whole group with
/// options.new_group) and waited for; what was gathered is lost. The call ends when the program has
/// and nobody has its output open any more: a process that it leaves behind, with the same output,
/// is waited for as well.
result<process_output> run_process(process_options options, run_options run = {},
                                   deadline until = {});

namespace co {

/// As child_process::wait.
task<result<exit_status>> wait(child_process& child, deadline until = {});

/// As weft::run_process. g++ 12 destroys an aggregate twice that is made within a co_await: name
/// the options before, `process_options git{.program = "git"};`, and hand them over by name.
task<result<process_output>> run_process(process_options options, run_options run = {},
                                         deadline until = {});

}  // namespace co

}  // namespace weft
