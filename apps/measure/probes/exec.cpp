// SPDX-License-Identifier: Apache-2.0
//
// What it costs to run another program and wait for its end, by the memory of the process that
// starts it: with fork(), which copies the page tables for nothing, with vfork() and with
// posix_spawn(), which do not.
#include <array>

#include <spawn.h>

#include "child.h"
#include "measure/sampling.h"
#include "memory_block.h"
#include "probes.h"

extern char** environ;

namespace weft::measure {

namespace {

const char* const program = "/bin/true";

[[noreturn]] void become_the_program() {
    char* const words[] = {const_cast<char*>(program), nullptr};
    ::execve(program, words, environ);
    ::_exit(127);
}

void check(int status) {
    if (!WIFEXITED(status) || WEXITSTATUS(status) == 127) {
        throw std::system_error(std::make_error_code(std::errc::no_such_file_or_directory),
                                program);
    }
}

void run_by_fork() {
    const pid_t child = fork_child();
    if (child == 0) {
        become_the_program();
    }
    check(wait_for(child));
}

// A function of its own: what the child of vfork() does to this frame, the parent finds.
[[gnu::noinline]] void run_by_vfork() {
    const pid_t child = ::vfork();
    if (child == 0) {
        become_the_program();
    }
    if (child < 0) {
        throw_errno("vfork");
    }
    check(wait_for(child));
}

void run_by_spawn() {
    pid_t child = 0;
    char* const words[] = {const_cast<char*>(program), nullptr};
    if (const int error = ::posix_spawn(&child, program, nullptr, nullptr, words, environ)) {
        throw std::system_error(error, std::generic_category(), "posix_spawn");
    }
    check(wait_for(child));
}

}  // namespace

void probe_exec(probe_round& round) {
    const auto sizes = fitting(round.places({1 * mib, 16 * mib, 64 * mib, 256 * mib, 1024 * mib},
                                            {1 * mib, 16 * mib, 64 * mib, 256 * mib}));
    const sampling_goal goal{.seconds = round.seconds() / (3 * static_cast<double>(sizes.size()))};
    for (const std::size_t size : sizes) {
        memory_block block(size, page_kind::small);
        block.touch();
        const auto at = static_cast<double>(size);
        round.add("exec.fork", at, time_batches(goal, 1, run_by_fork));
        round.add("exec.vfork", at, time_batches(goal, 1, run_by_vfork));
        round.add("exec.spawn", at, time_batches(goal, 1, run_by_spawn));
    }
}

}  // namespace weft::measure
