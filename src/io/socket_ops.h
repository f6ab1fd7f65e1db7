// SPDX-License-Identifier: Apache-2.0
//
// The calls on sockets that never wait, and the one way to wait between two of them. The blocking
// forms (socket.cpp) and the coroutine forms (coro) are loops over these:
//
//   const use call(d, direction::read);       // once, around all of it; see its error()
//   for (;;) {
//       n = try_read(d, bytes);               // not -EAGAIN: done
//       e = d.start_wait(direction::read, wait);
//       if (e == EAGAIN) continue;            // ready by now
//       if (e != 0) ...                       // failed
//       reason = wait.who.park(deadline);     // or return suspend(deadline), later resumed()
//       e = d.finish_wait(direction::read, wait, reason);
//       if (e != 0) ...                       // timed out or cancelled
//   }
//
// All of them return a count (or a descriptor) of 0 and more, or an errno value, negated:
//   -EAGAIN     it would block; start_wait() can be called for it
//   -ECANCELED  the socket was closed meanwhile
// An interrupted call is repeated here. Between begin() and end() of the descriptor.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>

#include <weft/datagram.h>
#include <weft/error.h>
#include <weft/file_watch.h>
#include <weft/pipe.h>
#include <weft/socket.h>

#include "io/poll_descriptor.h"

namespace weft::io {

/// At least one byte unless the stream ended (0). `bytes` must not be empty.
ssize_t try_read(poll_descriptor& d, std::span<std::byte> bytes) noexcept;

/// Some of `bytes`, which must not be empty. Never raises SIGPIPE.
ssize_t try_write(poll_descriptor& d, std::span<const std::byte> bytes) noexcept;

/// The descriptor of a new connection; give it to adopt(). Retries connections that were gone
/// before they were accepted; EMFILE and the like are the caller's.
int try_accept(poll_descriptor& listener) noexcept;

/// A socket that is to be connected to `peer`: non-blocking until finish_connect().
result<poll_descriptor*> make_connecting(const endpoint& peer) noexcept;

/// Starts or goes on with connecting: 0 when connected. -EAGAIN: wait for direction::write. -EBUSY:
/// the queue of a Unix listener is full, which nothing reports the end of; try again at
/// when_to_retry().
[[gnu::noinline]] int try_connect(poll_descriptor& d, const endpoint& peer) noexcept;

/// In a millisecond, or at `until` for the last time.
deadline when_to_retry(deadline until) noexcept;

/// What is left to do on a socket that has been connected.
[[gnu::noinline]] int finish_connect(poll_descriptor& d) noexcept;

/// A record for a connection that try_accept() returned. Closes `fd` when memory is out.
result<poll_descriptor*> adopt(int fd, protocol proto) noexcept;

/// Of a descriptor from outside. -1 with errno if it is no socket or not of type SOCK_STREAM.
int protocol_of(int fd, protocol& proto) noexcept;

/// bind(2) of a socket of that type: 0 or -1 with errno. `replace`: also where the file of a Unix
/// path is left over from a process that is gone.
int bind_to(int fd, const endpoint& local, int type, bool replace) noexcept;

/// getsockname(2) or getpeername(2).
using address_call = int (*)(int, sockaddr*, socklen_t*);
result<endpoint> endpoint_of(int fd, address_call call) noexcept;

/// What connect() to `peer` returns for that code.
std::unexpected<error> connect_failed(const std::error_code& code, const endpoint& peer) noexcept;

// One system call each, for plain threads. `flags` is 0 (block in the kernel) or MSG_DONTWAIT; what
// is no socket never blocks.
// Never inlined, because compilers keep the address of errno across a switch to another kernel
// thread.

[[gnu::noinline]] ssize_t receive(poll_descriptor& d, std::span<std::byte> bytes, int flags,
                                  bool& drained) noexcept;
[[gnu::noinline]] ssize_t transmit(poll_descriptor& d, std::span<const std::byte> bytes,
                                   int flags) noexcept;
[[gnu::noinline]] int accept_once(poll_descriptor& listener) noexcept;

/// The private parts of the public types.
struct access {
    static poll_descriptor* descriptor(const socket& s) noexcept { return s.descriptor_; }
    static poll_descriptor* descriptor(const listener& l) noexcept { return l.descriptor_; }
    static poll_descriptor* descriptor(const datagram_socket& s) noexcept { return s.descriptor_; }
    static poll_descriptor* descriptor(const descriptor_owner& o) noexcept { return o.descriptor_; }
    static file_watcher::buffer* buffer(const file_watcher& w) noexcept { return w.buffer_.get(); }
    static socket make_socket(poll_descriptor& d) noexcept { return socket(&d); }
    static pipe_reader make_reader(poll_descriptor& d) noexcept { return pipe_reader(&d); }
    static pipe_writer make_writer(poll_descriptor& d) noexcept { return pipe_writer(&d); }
};

}  // namespace weft::io
