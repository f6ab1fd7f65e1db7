// SPDX-License-Identifier: Apache-2.0
//
// What fork() costs, by the memory that is resident in the process: it copies the page tables. And
// the way out: a small process, forked before, that forks on request.
#include <array>
#include <csignal>
#include <optional>

#include <linux/sched.h>
#include <sys/syscall.h>

#include "child.h"
#include "measure/sampling.h"
#include "memory_block.h"
#include "probes.h"

namespace weft::measure {

namespace {

double since(std::int64_t began) {
    return static_cast<double>(now_ns() - began);
}

/// fork() without what the C library does before and after. -1: containers may refuse it.
pid_t try_clone() {
    clone_args like_fork{};
    like_fork.exit_signal = SIGCHLD;
    return static_cast<pid_t>(::syscall(SYS_clone3, &like_fork, sizeof like_fork));
}

pid_t clone_child() {
    const pid_t child = try_clone();
    if (child < 0) {
        throw_errno("clone3");
    }
    return child;
}

bool can_clone() {
    const pid_t child = try_clone();
    if (child == 0) {
        ::_exit(0);
    }
    if (child > 0) {
        wait_for(child);
    }
    return child > 0;
}

/// `fork` alone, and until the child that ends at once has been waited for.
template <class Fork>
std::array<double, 2> fork_once(Fork fork) {
    const std::int64_t began = now_ns();
    const pid_t child = fork();
    if (child == 0) {
        ::_exit(0);
    }
    const double call = since(began);
    wait_for(child);
    return {call, since(began)};
}

/// Until the child has said its first word, which is when it can serve.
double fork_until_it_speaks(const byte_pipe& words) {
    const std::int64_t began = now_ns();
    const pid_t child = fork_child();
    if (child == 0) {
        words.give();
        ::_exit(0);
    }
    static_cast<void>(words.take());
    const double spoken = since(began);
    wait_for(child);
    return spoken;
}

/// Forks a child for each byte that it is sent; the child sends one back.
class zygote {
public:
    zygote() : pid_(fork_child()) {
        if (pid_ == 0) {
            requests_.close_write();
            while (requests_.take()) {
                const pid_t child = ::fork();
                if (child == 0) {
                    words_.give();
                    ::_exit(0);
                }
                if (child > 0) {
                    wait_for(child);
                }
                done_.give();
            }
            ::_exit(0);
        }
    }
    ~zygote() {
        requests_.close_write();
        wait_for(pid_);
    }
    zygote(const zygote&) = delete;
    zygote& operator=(const zygote&) = delete;

    double until_a_child_speaks() {
        const std::int64_t began = now_ns();
        requests_.give();
        static_cast<void>(words_.take());
        const double spoken = since(began);
        static_cast<void>(done_.take());
        return spoken;
    }

private:
    byte_pipe requests_;
    byte_pipe words_;
    byte_pipe done_;
    pid_t pid_;
};

void measure_size(probe_round& round, std::size_t size, const sampling_goal& goal, zygote& small,
                  bool clones) {
    const auto at = static_cast<double>(size);
    memory_block block(size, page_kind::small);
    block.touch();
    auto [call, wait] = take_samples_of<2>(goal, [] { return fork_once(fork_child); });
    round.add("fork.call", at, std::move(call));
    round.add("fork.wait", at, std::move(wait));
    if (clones) {
        auto [clone, ignored] = take_samples_of<2>(goal, [] { return fork_once(clone_child); });
        round.add("fork.clone3", at, std::move(clone));
    }
    const byte_pipe words;
    round.add("fork.first_word", at,
              take_samples(goal, [&] { return fork_until_it_speaks(words); }));
    round.add("zygote.first_word", at,
              take_samples(goal, [&] { return small.until_a_child_speaks(); }));
}

/// Half of it in huge pages is enough to be called so: the kernel gives what it has.
void measure_huge(probe_round& round, std::size_t size, const sampling_goal& goal) {
    memory_block block(size, page_kind::huge);
    block.touch();
    if (block.huge_bytes() < size / 2) {
        round.tell("huge pages", "the kernel gave none for memory that asked for them");
        return;
    }
    auto [call, wait] = take_samples_of<2>(goal, [] { return fork_once(fork_child); });
    round.add("fork.huge.call", static_cast<double>(size), std::move(call));
}

}  // namespace

void probe_fork(probe_round& round) {
    const auto sizes = fitting(
        round.places({1 * mib, 4 * mib, 16 * mib, 50 * mib, 128 * mib, 512 * mib, 2048 * mib},
                     {1 * mib, 16 * mib, 50 * mib, 256 * mib}));
    const sampling_goal goal{.seconds =
                                 round.seconds() / (5.5 * static_cast<double>(sizes.size()))};
    zygote small;  // while the process is small
    const bool clones = can_clone();
    if (!clones) {
        round.tell("clone3", "the system refuses it");
    }
    for (const std::size_t size : sizes) {
        measure_size(round, size, goal, small, clones);
        if (size >= 16 * mib) {
            measure_huge(round, size, goal);
        }
    }
}

}  // namespace weft::measure
