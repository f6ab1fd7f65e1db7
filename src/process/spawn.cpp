// SPDX-License-Identifier: Apache-2.0
//
// Starting a program. All that can fail for want of memory or descriptors is done before; what the
// child does is said to posix_spawn(3) as a list:
//
//   its streams   each from a descriptor above 2, so that none is overwritten before it is copied
//   the others    closed from 3 on, whoever opened them
//   signals       all with their default action, none blocked
//
// The pidfd is opened right after that: the number cannot belong to another process yet, since
// nobody but us waits for it. Its place in the table of descriptors is held free meanwhile; if
// another thread takes it in between, the child is killed and the call fails.
#include <weft/process.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <new>
#include <span>
#include <utility>

#include <weft/blocking.h>
#include <weft/errno.h>

#include "base/error.h"
#include "process/child_state.h"

namespace weft {

namespace {

constexpr int first_other = STDERR_FILENO + 1;

/// The same file under a number that is none of a standard stream; -1 with errno.
int above_streams(int fd) noexcept {
    return ::fcntl(fd, F_DUPFD_CLOEXEC, first_other);
}

/// The two lists of posix_spawn(3).
class spawn_attributes {
public:
    spawn_attributes() noexcept {
        ::posix_spawn_file_actions_init(&actions_);
        ::posix_spawnattr_init(&attributes_);
    }
    ~spawn_attributes() {
        ::posix_spawn_file_actions_destroy(&actions_);
        ::posix_spawnattr_destroy(&attributes_);
    }
    spawn_attributes(const spawn_attributes&) = delete;
    spawn_attributes& operator=(const spawn_attributes&) = delete;

    /// 0 or an errno value, as all here.
    int set(const process_options& options) noexcept {
        sigset_t all;
        sigset_t none;
        // Not sigfillset(): it leaves out those of the C library's own, which would be ignored.
        std::memset(&all, 0xff, sizeof all);
        ::sigemptyset(&none);
        ::posix_spawnattr_setsigdefault(&attributes_, &all);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setpgroup(&attributes_, 0);
        const int group = options.new_group ? POSIX_SPAWN_SETPGROUP : 0;
        ::posix_spawnattr_setflags(
            &attributes_,
            static_cast<short>(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | group));
        if (options.working_directory.empty()) {
            return 0;
        }
        return ::posix_spawn_file_actions_addchdir_np(&actions_, options.working_directory.c_str());
    }

    int copy(int from, int to) noexcept {
        return ::posix_spawn_file_actions_adddup2(&actions_, from, to);
    }

    int open_null(int to) noexcept {
        const int access = to == STDIN_FILENO ? O_RDONLY : O_WRONLY;
        return ::posix_spawn_file_actions_addopen(&actions_, to, "/dev/null", access, 0);
    }

    int close_others() noexcept {
        return ::posix_spawn_file_actions_addclosefrom_np(&actions_, first_other);
    }

    /// posix_spawnp(3).
    int spawn(pid_t& id, const char* program, char* const* arguments,
              char* const* environment) noexcept {
        return ::posix_spawnp(&id, program, &actions_, &attributes_, arguments, environment);
    }

private:
    posix_spawn_file_actions_t actions_;
    posix_spawnattr_t attributes_;
};

/// The streams of a child to be: what it gets, and what is kept of its pipes.
class streams {
public:
    /// 0 or an errno value.
    int prepare(const process_options& options, spawn_attributes& to) noexcept {
        const std::array wanted{options.input, options.output, options.error};
        for (int i = 0; i < first_other; ++i) {
            if (const int error = prepare(i, wanted[static_cast<std::size_t>(i)], to)) {
                return error;
            }
        }
        return to.close_others();
    }

    /// Ours of the pipes, -1 if there is none. Give it to from_native().
    [[nodiscard]] base::unique_fd& kept(int stream) noexcept {
        return kept_[static_cast<std::size_t>(stream)];
    }

private:
    int prepare(int stream, const process_stream& wanted, spawn_attributes& to) noexcept {
        using enum process_stream::kind;
        switch (wanted.what()) {
            case inherit:
                return 0;
            case null:
                return to.open_null(stream);
            case output:
                return stream == STDERR_FILENO ? to.copy(STDOUT_FILENO, stream) : EINVAL;
            case pipe:
                if (const int error = make_pipe(stream)) {
                    return error;
                }
                break;
            case descriptor:
                if (wanted.fd() >= first_other) {
                    return ::fcntl(wanted.fd(), F_GETFD) < 0 ? errno : to.copy(wanted.fd(), stream);
                }
                given(stream).reset(above_streams(wanted.fd()));
                break;
        }
        return given(stream).valid() ? to.copy(given(stream).get(), stream) : errno;
    }

    /// Ours does not block, that of the child does: it knows nothing of that.
    int make_pipe(int stream) noexcept {
        std::array<int, 2> fds{};
        if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
            return errno;
        }
        base::unique_fd out(fds[0]);
        base::unique_fd in(fds[1]);
        base::unique_fd& ours = stream == STDIN_FILENO ? in : out;
        base::unique_fd& theirs = stream == STDIN_FILENO ? out : in;
        if (theirs.get() < first_other) {
            theirs.reset(above_streams(theirs.get()));
        }
        kept(stream) = std::move(ours);
        given(stream) = std::move(theirs);
        return given(stream).valid() ? 0 : errno;
    }

    base::unique_fd& given(int stream) noexcept { return given_[static_cast<std::size_t>(stream)]; }

    std::array<base::unique_fd, 3> given_;
    std::array<base::unique_fd, 3> kept_;
};

bool has_zero(const std::string& text) noexcept {
    return text.find('\0') != std::string::npos;
}

std::string_view name_of(std::string_view variable) noexcept {
    return variable.substr(0, variable.find('='));
}

/// What exec(2) takes: pointers into `texts`, and a null one.
std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (std::string& text : texts) {
        pointers.push_back(text.data());
    }
    pointers.push_back(nullptr);
    return pointers;
}

std::vector<std::string> environment_of(const process_options& options) {
    std::vector<std::string> all;
    if (options.environment) {
        all = *options.environment;
    } else {
        for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
            all.emplace_back(*variable);
        }
    }
    for (const std::string& more : options.more_environment) {
        std::erase_if(all, [&](const auto& one) { return name_of(one) == name_of(more); });
        all.push_back(more);
    }
    return all;
}

bool is_valid(const process_options& options) noexcept {
    const auto is_variable = [](const std::string& text) {
        const std::size_t end_of_name = text.find('=');
        return end_of_name != std::string::npos && end_of_name != 0 && !has_zero(text);
    };
    return !has_zero(options.program) && !has_zero(options.working_directory) &&
           std::ranges::none_of(options.arguments, has_zero) &&
           std::ranges::all_of(options.more_environment, is_variable) &&
           (!options.environment || std::ranges::all_of(*options.environment, is_variable));
}

/// The timers of workers have no slack, which a child would inherit (base/prompt_thread.h).
class usual_timer_slack {
public:
    usual_timer_slack() noexcept : before_(::prctl(PR_GET_TIMERSLACK)) {
        if (before_ == exact) {
            ::prctl(PR_SET_TIMERSLACK, 0);  // that with which the thread was made
        }
    }
    ~usual_timer_slack() {
        if (before_ == exact) {
            ::prctl(PR_SET_TIMERSLACK, exact);
        }
    }
    usual_timer_slack(const usual_timer_slack&) = delete;
    usual_timer_slack& operator=(const usual_timer_slack&) = delete;

private:
    static constexpr int exact = 1;
    const int before_;
};

struct spawned {
    pid_t id;
    base::unique_fd pidfd;
};

/// Blocks until the program is loaded, or could not be.
[[gnu::noinline]] result<spawned> spawn(spawn_attributes& how, const std::string& program,
                                        std::span<char* const> arguments,
                                        std::span<char* const> environment) noexcept {
    const usual_timer_slack slack;
    base::unique_fd place(::eventfd(0, EFD_CLOEXEC));
    if (!place.valid()) {
        return base::fail_errno("spawn", program);
    }
    pid_t id = 0;
    if (const int error = how.spawn(id, program.c_str(), arguments.data(), environment.data())) {
        return base::fail(error, "spawn", program);
    }
    place.reset();
    base::unique_fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, id, 0)));
    if (!pidfd.valid()) {
        const int error = errno;
        ::kill(id, SIGKILL);
        ::waitpid(id, nullptr, 0);
        return base::fail(error, "spawn", program);
    }
    return spawned{.id = id, .pidfd = std::move(pidfd)};
}

/// An end of a pipe, of what is kept of it.
template <class End>
int take(base::unique_fd& fd, End& end) noexcept {
    if (!fd.valid()) {
        return 0;
    }
    auto taken = End::from_native(fd.get());
    if (!taken) {
        return taken.error().value();
    }
    (void)fd.release();
    end = std::move(*taken);
    return 0;
}

}  // namespace

result<child_process> spawn_process(const process_options& options) try {
    if (!is_valid(options)) {
        return base::fail(std::errc::invalid_argument, "spawn", options.program);
    }
    spawn_attributes how;
    streams its;
    if (const int error = how.set(options)) {
        return base::fail(error, "spawn", options.program);
    }
    if (const int error = its.prepare(options, how)) {
        return base::fail(error, "spawn", options.program);
    }
    child_process child;
    for (const int error :
         {take(its.kept(STDIN_FILENO), child.input_), take(its.kept(STDOUT_FILENO), child.output_),
          take(its.kept(STDERR_FILENO), child.error_)}) {
        if (error != 0) {
            return base::fail(error, "spawn", options.program);
        }
    }
    std::vector<std::string> arguments{options.program};
    arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
    std::vector<std::string> environment = environment_of(options);
    const std::vector<char*> argv = pointers_to(arguments);
    const std::vector<char*> envp = pointers_to(environment);
    // Before there is a child to be lost.
    auto state = std::make_unique<child_process::state>();
    auto made = blocking([&] { return spawn(how, options.program, argv, envp); });
    if (!made) {
        return std::unexpected(made.error());
    }
    state->id = made->id;
    state->pidfd = std::move(made->pidfd);
    state->leads_group = options.new_group;
    child.state_ = std::move(state);
    return child;
} catch (const std::bad_alloc&) {
    return base::fail(std::errc::not_enough_memory, "spawn", options.program);
}

}  // namespace weft
