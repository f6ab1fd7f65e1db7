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

/// `size` empty fibers in batches of 1000, each joined; nanoseconds for one.
cost spawn(std::size_t size);

/// The same with detached fibers that a wait_group counts, as the Go program does it.
cost spawn_wait_group(std::size_t size);

/// The same with coroutines.
cost spawn_coroutine(std::size_t size);

/// `size` fibers wait on a semaphore; resident bytes and page tables of one.
cost parked(std::size_t size);

/// The same with coroutines.
cost parked_coroutine(std::size_t size);

/// A runtime with two workers does nothing for `size` seconds; its CPU time in milliseconds.
cost idle(std::size_t size);

/// A fair_queue with `size` runnable: charges the current one and picks the next; nanoseconds.
cost requeue_cfs(std::size_t size);
cost requeue_eevdf(std::size_t size);

/// Sends back what it gets on a port that it prints, with one worker, until the process is killed.
/// `kind`: fiber, coroutine, thread or process. Returns the exit status.
int serve_echo(std::string_view kind);

}  // namespace bench
