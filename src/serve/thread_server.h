// SPDX-License-Identifier: Apache-2.0
//
// thread_server: one kernel thread per client. The calling thread accepts.
//
// Why not std::thread: it has no way to say how large the stack is. pthread_create with an
// attribute is what std::thread calls, too.
//
// Threads are joined, not detached: a detached one may still run its last instructions, and the
// destructors of thread-locals, when serve() has returned. Nobody keeps a list of finished threads:
// each thread that ends leaves its handle in one slot and joins the one it finds there, so at most
// one finished thread is not joined yet, and the server joins the last.
#pragma once

#include <weft/serve.h>

namespace weft::serving {

/// Blocks until the stop and the end of the drain. On a plain thread.
result<void> serve_threads(listener& from, const handler& serve_client,
                           const serve_options& options);

}  // namespace weft::serving
