// SPDX-License-Identifier: Apache-2.0
#include "serve/process_child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

namespace weft::serving {

namespace {

/// For kernels before 5.9 and containers that forbid close_range(2).
void close_one_by_one(unsigned first, unsigned last) noexcept {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    for (unsigned fd = first; fd <= last && fd < limit.rlim_cur; ++fd) {
        ::close(static_cast<int>(fd));
    }
}

void close_between(unsigned first, unsigned last) noexcept {
    if (first <= last && ::close_range(first, last, 0) != 0) {
        close_one_by_one(first, last);
    }
}

/// Closes everything but 0, 1, 2, `client` and what `keep`, which is sorted, names.
void close_all_but(int client, std::span<const int> keep) noexcept {
    int next = STDERR_FILENO + 1;
    const auto keep_one = [&next](int fd) noexcept {
        if (fd >= next) {
            close_between(static_cast<unsigned>(next), static_cast<unsigned>(fd) - 1);
            next = fd + 1;
        }
    };
    bool client_kept = false;
    for (const int fd : keep) {
        if (!client_kept && client < fd) {
            keep_one(client);
            client_kept = true;
        }
        keep_one(fd);
    }
    if (!client_kept) {
        keep_one(client);
    }
    close_between(static_cast<unsigned>(next), ~0U);
}

}  // namespace

void run_child(const child_setup& setup, int client, io::protocol proto) noexcept {
    // No handler should outlive its server. The signal comes when the thread that forked ends,
    // which is the one that runs the server; it may have ended before the call.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != setup.parent) {
        ::_exit(child_failed_status);
    }
    setup.state.child_of_fork();
    if (setup.ignore_interrupt) {
        ::signal(SIGINT, SIG_IGN);
    }
    // Programs block SIGTERM for the sake of signalfd; here it is how the parent begins the drain.
    sigset_t mask = setup.mask;
    sigdelset(&mask, SIGTERM);
    ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    close_all_but(client, setup.keep_descriptors);

    const outcome how = setup.state.serve(setup.serve_client, base::unique_fd(client), proto);
    std::fflush(nullptr);  // its own output: the parent's was flushed before the fork
    ::_exit(how == outcome::completed ? 0 : child_failed_status);
}

}  // namespace weft::serving
