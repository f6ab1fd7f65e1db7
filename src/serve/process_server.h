// SPDX-License-Identifier: Apache-2.0
//
// process_server: one forked child per client. The parent accepts, forks, closes its copy of the
// socket and waits for the next client, a signal or the stop; it does nothing else, so that it
// stays small and a fork stays cheap.
//
// Always holds: the parent has no descriptor of a live client; a child has no descriptor but 0, 1,
// 2, its client's and those of options.keep_descriptors; each child in children_ has been forked
// and not been reaped, so its number cannot mean another process.
//
// Rejected:
//   - a pidfd for each child, which would make reaping exact: each fork copies the table of
//     descriptors, and with 10,000 of them a child's table is 80 KB that it never needs;
//   - waitid(P_ALL) or P_PGID: takes children of the application, or walks the kernel's list of all
//     children for each that ended (10,000 task structs, mostly out of the cache);
//   - raw clone(): skips the functions of pthread_atfork, upon which OpenSSL's random numbers rely.
// So: SIGCHLD through a signalfd names a child; waitid(P_PID) reaps it in constant time. Signals
// that come together are merged by the kernel, so after one has come all children are asked once,
// at most for a fiftieth of the parent's time.
#pragma once

#include <weft/serve.h>

namespace weft::serving {

/// Blocks until the stop and the end of the drain. On a plain thread.
result<void> serve_processes(listener& from, const handler& serve_client,
                             const serve_options& options);

}  // namespace weft::serving
