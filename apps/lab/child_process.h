// SPDX-License-Identifier: Apache-2.0
//
// child_process: this program started once more with other arguments, with a control channel as
// its descriptor 3. Used by the orchestrator, from its one thread.
//
// Whatever happens to the orchestrator, nothing is left: the child dies with it (PR_SET_PDEATHSIG),
// and is the leader of a process group of its own, so that it goes with all that it forked. A group
// of its own also keeps the terminal's Ctrl-C from it: the orchestrator decides who ends when.
#pragma once

#include "control_channel.h"

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <weft/error.h>
#include <weft/time.h>

namespace weft::lab {

/// Where a child finds its end of the control channel.
inline constexpr int child_control_fd = 3;

class child_process {
public:
    /// Runs this program with `arguments` (without its name). Its standard input and output are
    /// /dev/null; what it writes to standard error is kept for stderr_tail().
    static result<child_process> start(const std::vector<std::string>& arguments);

    child_process(child_process&& other) noexcept;
    child_process& operator=(child_process&& other) noexcept;
    /// Kills what still runs.
    ~child_process() { kill(); }

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    [[nodiscard]] control_channel& control() noexcept { return control_; }

    void terminate() const noexcept;
    /// Its wait status once it has ended, nothing at the deadline. Idempotent.
    std::optional<int> wait(deadline until);
    /// Asks the whole group to end and waits for it and, if this process inherits orphans, for all
    /// of those: it must have no other children. Then kill().
    void end_all(deadline until) noexcept;
    /// Kills the whole group and waits for the child, and for what it forked if this process is the
    /// one that inherits orphans (PR_SET_CHILD_SUBREAPER).
    void kill() noexcept;

    /// The last line that it wrote to standard error; empty if there is none.
    [[nodiscard]] std::string stderr_tail() const;

private:
    child_process(pid_t pid, control_channel control, int stderr_fd) noexcept
        : pid_(pid), control_(std::move(control)), stderr_(stderr_fd) {}

    pid_t pid_ = -1;
    control_channel control_;
    int stderr_ = -1;
    std::optional<int> status_;
};

}  // namespace weft::lab
