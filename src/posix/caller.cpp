// SPDX-License-Identifier: Apache-2.0
#include "posix/caller.h"

#include <signal.h>

#include "base/signal_mask.h"
#include "base/thread_block.h"
#include "io/netpoll_epoll.h"
#include "sched/current.h"
#include "sched/kernel_thread.h"
#include "sched/scheduler.h"
#include "sched/thread_state.h"

namespace weft::posix {

namespace {

bool blocks_more_than_usual() noexcept {
    const sigset_t& usual = sched::this_kernel_thread()->owner().threads().blocked_signals();
    const sigset_t now = base::blocked_signals();
    for (int signal = 1; signal < NSIG; ++signal) {
        if (::sigismember(&now, signal) == 1 && ::sigismember(&usual, signal) != 1) {
            return true;
        }
    }
    return false;
}

}  // namespace

bool may_park() noexcept {
    const base::thread_block& here = base::this_thread_block();
    if (here.fiber == nullptr || here.preempt_count.load(base::relaxed) != 0) {
        return false;
    }
    return !sched::this_kernel_thread()->is_aside();
}

void let_others_run() noexcept {
    if (io::netpoll::current()->fds().has_run_long() && !blocks_more_than_usual()) [[unlikely]] {
        sched::yield();
    }
}

}  // namespace weft::posix
