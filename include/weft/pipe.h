// SPDX-License-Identifier: Apache-2.0
//
// Pipes: streams of bytes in one direction, between fibers, threads and processes. Also for what is
// read and written like one: FIFOs, terminals, the standard streams of this process.
//
//     auto [out, in] = *weft::make_pipe();
//     in.write(request, 5s);
//     in.close();                                // the reader gets the end of the stream
//     const auto n = out.read(buffer);
//
// On a fiber a call that must wait parks the fiber; on a plain thread it blocks the thread;
// coroutines say `co_await co::read(out, buffer)` (<weft/co.h>). select() takes both ends
// (on_readable, on_writable), and weft::buffered_reader and buffered_writer read lines from them.
//
// Every call that may wait takes a deadline and reports std::errc::timed_out when it has passed; a
// call that need not wait succeeds even then. Writing where nobody reads any more reports
// std::errc::broken_pipe and never raises SIGPIPE, whatever the program does with that signal: it
// is held back from the thread for the time of the system call, and taken away if it was raised.
// That costs two system calls more for each write.
//
// Thread safety. One reader and one writer at a time for each end; two readers abort the process.
// close() may be called beside other calls: they report std::errc::operation_canceled. Moving,
// destroying and release() need the object for themselves. An end may move between fibers,
// threads, coroutines and runtimes.
//
// On a plain thread a call that waits needs one more descriptor while it does:
// std::errc::too_many_files_open if there is none.
#pragma once

#include <cstddef>
#include <span>

#include <weft/detail/descriptor_owner.h>
#include <weft/error.h>
#include <weft/time.h>

namespace weft {

struct pipe_ends;

/// Where bytes come out.
class pipe_reader : public io::descriptor_owner {
public:
    /// Closed.
    pipe_reader() noexcept = default;

    /// Takes a descriptor over that is open for reading. It stays the caller's on failure:
    /// std::errc::bad_file_descriptor if it is not open for that.
    ///
    /// It is put into non-blocking mode, and back when it is closed or released, if it was not in
    /// that before. That mode belongs to the open file: other processes that have inherited it, as
    /// a shell has the standard input of its commands, see it meanwhile. Files on disk may block
    /// the caller as reading them always may.
    static result<pipe_reader> from_native(int fd);

    /// Reads what has come, at least one byte; waits if there is none. 0: nobody has the other end
    /// for writing any more (or `bytes` is empty).
    result<std::size_t> read(std::span<std::byte> bytes, deadline until = {});

    /// Fills `bytes`. errc::unexpected_end_of_stream if the stream ends before that; after a
    /// failure what has come is lost.
    result<void> read_exactly(std::span<std::byte> bytes, deadline until = {});

    /// Gives the descriptor up without closing it; -1 when closed.
    using descriptor_owner::release;

private:
    friend struct io::access;
    using descriptor_owner::descriptor_owner;
};

/// Where bytes go in.
class pipe_writer : public io::descriptor_owner {
public:
    /// Closed.
    pipe_writer() noexcept = default;

    /// As pipe_reader::from_native(), for one that is open for writing.
    static result<pipe_writer> from_native(int fd);

    /// Writes all of `bytes`. After a failure it is unknown how much of them went in. No more than
    /// PIPE_BUF (4096) bytes go in together, between those of other writers.
    result<void> write(std::span<const std::byte> bytes, deadline until = {});

    /// Gives the descriptor up without closing it; -1 when closed.
    using descriptor_owner::release;

private:
    friend struct io::access;
    using descriptor_owner::descriptor_owner;
};

/// Both ends of a pipe.
struct pipe_ends {
    pipe_reader reader;
    pipe_writer writer;
};

/// A new pipe, whose ends are closed on exec. It holds 64 KiB, unless the kernel's limits for a
/// user's pipes are reached. std::errc::too_many_files_open and the like on failure.
result<pipe_ends> make_pipe();

}  // namespace weft
