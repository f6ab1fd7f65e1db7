// SPDX-License-Identifier: Apache-2.0
//
// The workloads on weft, through its public API only. Each starts a runtime of its own, measures
// once with the given size and ends it. What each does is told in docs/benchmarks.md; the peers in
// bench/peers do the same. Called from the main thread, outside of any runtime.
#pragma once

#include <cstddef>
#include <string_view>

#include "common/harness.h"

namespace bench {

/// Two fibers give way to each other `size` times each, under fifo; nanoseconds per yield.
cost yield(std::size_t size);

/// The same with fair sharing, the default.
cost yield_fair(std::size_t size);

/// The same without preemption.
cost yield_no_preempt(std::size_t size);

/// Two fibers wake each other in turns with two semaphores, `size` times each; nanoseconds for one.
cost semaphore_ping_pong(std::size_t size);

/// The same without preemption.
cost semaphore_ping_pong_no_preempt(std::size_t size);

/// The same under fifo.
cost semaphore_ping_pong_fifo(std::size_t size);

/// One fiber sends `size` numbers to another through a channel without a buffer; nanoseconds for
/// one.
cost channel(std::size_t size, unsigned workers);

/// The same on one worker, without preemption.
cost channel_no_preempt(std::size_t size);

/// The same with a buffer of 128.
cost channel_buffered(std::size_t size, unsigned workers);

/// Two fibers send `size` numbers together, each through a channel of its own without a buffer, to
/// one that selects; nanoseconds for one.
cost select_two(std::size_t size, unsigned workers);

/// 100 fibers on two workers lock, count and unlock, `size` times together; nanoseconds on the
/// clock for one, and beside it CPU time.
cost mutex_contended(std::size_t size);

/// `size` empty fibers in batches of 1000, each joined; nanoseconds for one.
cost spawn(std::size_t size);

/// The same with detached fibers that a wait_group counts, as the Go program does it.
cost spawn_wait_group(std::size_t size);

/// The same with coroutines.
cost spawn_coroutine(std::size_t size);

/// A coroutine awaits `size` others, one after the other, that return a number at once; nanoseconds
/// for a call and its return.
cost task_call(std::size_t size);

/// A coroutine awaits what is ready, `size` times; nanoseconds for one.
cost await_ready_value(std::size_t size);

/// `size` timers are armed, half of them cancelled before their time, and the others fire; each is
/// a coroutine that waits with a deadline. Nanoseconds for one, from its start to its end.
cost timers_half_cancelled(std::size_t size);

/// `size` fibers wait on a semaphore; resident bytes and page tables of one.
cost parked(std::size_t size);

/// The same with coroutines.
cost parked_coroutine(std::size_t size);

/// A runtime with two workers does nothing for `size` seconds; its CPU time in milliseconds.
cost idle(std::size_t size);

/// A fair_queue with `size` runnable: charges the current one and picks the next; nanoseconds.
cost requeue_cfs(std::size_t size);
cost requeue_eevdf(std::size_t size);

/// Three fibers at nice 0, 5 and -5 compute for `size` seconds on one worker; by how many points of
/// the CPU the share of one is off at most.
cost shares(std::size_t size);

/// The same with kernel threads on one CPU; at nice 5, 10 and 0 if less is not permitted.
cost shares_thread(std::size_t size);

/// Eight equal fibers compute for `size` seconds on two workers; by how many points of a worker the
/// share of one is off at most.
cost shares_equal(std::size_t size);

/// One fiber blocks its kernel thread for `size` seconds, in sleep(3) or flock(2), and another on
/// the same worker sleeps for 1 ms again and again; its longest time from one wake-up to the next
/// in milliseconds.
cost blocked_sleep(std::size_t size);
cost blocked_flock(std::size_t size);

/// The same where nobody blocks: the other fiber sleeps as fibers do.
cost blocked_none(std::size_t size);

/// Two fibers compute with slices of 0.1 ms on one CPU for `size` seconds; CPU time of a worker for
/// one preemption in microseconds, and beside it that of a mere interrupt.
cost preemption(std::size_t size);

/// 64 fibers allocate, throw, lock and initialise once for `size` seconds, on two workers with
/// slices of 0.5 ms; how often a result was wrong or a fiber did nothing. If they stand still it
/// says so and ends the process.
cost torture(std::size_t size);

/// After schbench: message threads wake workers that sleep and compute, for `size` seconds on two
/// CPUs; the 99th percentile of the latency of a wake-up in microseconds, and others beside it.
cost schbench(std::size_t size);
cost schbench_thread(std::size_t size);

/// After hackbench: `size` groups of 20 senders and 20 receivers over sockets, on two CPUs;
/// nanoseconds for a message.
cost hackbench(std::size_t size);
cost hackbench_thread(std::size_t size);

/// After LTP's starvation: one that never waits wakes another one `size` times on one CPU;
/// microseconds for a wake-up that was served.
cost starvation(std::size_t size);
cost starvation_thread(std::size_t size);

/// Sends back what it gets on a port that it prints, with one worker, until the process is killed.
/// `kind`: fiber, coroutine, thread or process; hog: fibers, and beside them one that computes
/// without end; no-preempt: fibers that are not preempted. Returns the exit status.
int serve_echo(std::string_view kind);

}  // namespace bench
