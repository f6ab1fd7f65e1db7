// SPDX-License-Identifier: Apache-2.0
//
// Files, for fibers, coroutines and plain threads, and helpers for whole ones.
//
//     const auto text = weft::read_file("/etc/motd").value();
//     weft::file log = weft::file::open("log", {.access = weft::file_access::write,
//                                               .create = true, .append = true}).value();
//     log.write(bytes);
//
// The kernel knows no readiness of files: a call on one blocks the kernel thread until the disk has
// done its part. So on fibers and in coroutines, what is in the page cache is read (and, where the
// file system can, written) at once, by preadv2(2) with RWF_NOWAIT, and all else goes through
// weft::blocking: another kernel thread takes the worker meanwhile, for about 10 us. On plain
// threads calls are just made.
//
// Deadlines and stops (<weft/scope.h>). Nothing can end a call that is in the kernel: it is not
// interrupted, as little as any other's. A call that would have to block does not begin after the
// deadline or a stop (std::errc::timed_out, std::errc::operation_canceled), and transfers of more
// than 1 MiB look again after each MiB. What is in the page cache is read in any case. Where a call
// can hang (a network file system whose server is gone), the fiber hangs with it.
//
// Thread safety. pread(), pwrite(), sync() and status() may be called at the same time; read() and
// write() share a position, which the kernel moves in turns. close(), moving and destroying need
// the object for themselves.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/error.h>
#include <weft/task.h>
#include <weft/time.h>

namespace weft {

namespace io {
struct file_access_key;
}

/// What file::open() asks for.
enum class file_access : std::uint8_t { read, write, read_write };

/// How file::open() opens or creates.
struct file_options {
    file_access access = file_access::read;
    bool create = false;        ///< if it is not there
    bool exclusive = false;     ///< with create: std::errc::file_exists if it is there
    bool truncate = false;      ///< to nothing
    bool append = false;        ///< each write() goes to the end
    mode_t permissions = 0666;  ///< of one that is created, less the umask
};

/// What lies under a name; `other`: a device, a pipe, a socket.
enum class file_kind : std::uint8_t { regular, directory, link, other };

/// What file::status() tells.
struct file_status {
    file_kind kind = file_kind::other;
    std::uint64_t size = 0;  ///< bytes
    mode_t permissions = 0;
    std::chrono::sys_time<std::chrono::nanoseconds> modified = {};
};

/// An open file: a regular one, a directory (for sync() only), or a device. Pipes and sockets are
/// refused: std::errc::operation_not_supported; see <weft/poll.h> and <weft/socket.h>.
class file {
public:
    /// Closed.
    file() noexcept = default;
    file(file&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), blocks_(std::exchange(other.blocks_, 0)) {}
    file& operator=(file&& other) noexcept;
    /// Closes it; what close() would report is lost.
    ~file();

    /// Opens or creates the file. std::errc::no_such_file_or_directory,
    /// std::errc::permission_denied, std::errc::file_exists and what else open(2) reports;
    /// std::errc::operation_not_supported for pipes and sockets. The descriptor is closed on exec.
    /// Others run on the worker while the system is slow.
    static result<file> open(const std::string& path, const file_options& options = {},
                             deadline until = {});

    /// Takes a descriptor over. It stays the caller's on failure.
    static result<file> from_native(int fd);

    /// Reads from the position on, at least one byte and maybe fewer than asked for; 0: the end (or
    /// `bytes` is empty).
    result<std::size_t> read(std::span<std::byte> bytes, deadline until = {});

    /// As read(), from `offset` on; the position stays.
    result<std::size_t> pread(std::span<std::byte> bytes, std::uint64_t offset,
                              deadline until = {});

    /// Writes all of `bytes`. After a failure it is unknown how much of them.
    result<void> write(std::span<const std::byte> bytes, deadline until = {});

    /// As write(), from `offset` on; the position stays.
    result<void> pwrite(std::span<const std::byte> bytes, std::uint64_t offset,
                        deadline until = {});

    /// Returns when all that was written is on the disk: fsync(2). After a failure what was written
    /// may be lost, also if a later call succeeds.
    result<void> sync(deadline until = {});

    /// Makes it this long; what is new is zero.
    result<void> truncate(std::uint64_t size, deadline until = {});

    /// Kind, size, permissions and when it was written last: fstat(2).
    [[nodiscard]] result<file_status> status(deadline until = {}) const;

    /// Reports what a network file system found out only now. The file is closed in any case.
    /// Idempotent. Blocks where that file system does.
    result<void> close();

    /// Whether it was opened and not closed, moved away or released since.
    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
    /// For other system calls; -1 when closed. It stays this object's.
    [[nodiscard]] int native_handle() const noexcept { return fd_; }
    /// Gives the descriptor up without closing it; -1 when closed.
    int release() noexcept { return std::exchange(fd_, -1); }

private:
    friend struct io::file_access_key;
    explicit file(int fd) noexcept : fd_(fd) {}

    int fd_ = -1;
    // Bits: this file system has no reading (1) or writing (2) that does not block.
    mutable std::uint8_t blocks_ = 0;
};

/// All of the file. errc::limit_exceeded if that is more than `most` bytes.
result<std::string> read_file(const std::string& path, deadline until = {},
                              std::size_t most = std::size_t{1} << 30);

/// Puts a file with these bytes in the place of `path`, or makes it: whoever opens it finds all of
/// the old or all of the new, also after a crash. A new file in the same folder is written, synced,
/// and renamed. It has the permissions of the old one, or 0666 less the umask; a symbolic link is
/// replaced, not followed. After a failure the old one is there.
result<void> write_file(const std::string& path, std::string_view bytes, deadline until = {});

struct directory_entry {
    std::string name;
    file_kind kind = file_kind::other;  ///< other, too, where the file system does not say

    friend bool operator==(const directory_entry&, const directory_entry&) = default;
};

/// What is in a folder, but "." and "..", in no order.
result<std::vector<directory_entry>> list_directory(const std::string& path, deadline until = {});

namespace co {

/// As file::open.
task<result<file>> open_file(std::string path, file_options options = {}, deadline until = {});

/// As file::read.
task<result<std::size_t>> read(file& from, std::span<std::byte> bytes, deadline until = {});

/// As file::pread.
task<result<std::size_t>> pread(file& from, std::span<std::byte> bytes, std::uint64_t offset,
                                deadline until = {});

/// As file::write.
task<result<void>> write(file& to, std::span<const std::byte> bytes, deadline until = {});

/// As file::pwrite.
task<result<void>> pwrite(file& to, std::span<const std::byte> bytes, std::uint64_t offset,
                          deadline until = {});

/// As file::sync.
task<result<void>> sync(file& written, deadline until = {});

/// As file::truncate.
task<result<void>> truncate(file& changed, std::uint64_t size, deadline until = {});

/// As file::status.
task<result<file_status>> status(const file& of, deadline until = {});

/// As weft::read_file.
task<result<std::string>> read_file(std::string path, deadline until = {},
                                    std::size_t most = std::size_t{1} << 30);

/// As weft::write_file. `bytes` must live until it is over.
task<result<void>> write_file(std::string path, std::string_view bytes, deadline until = {});

/// As weft::list_directory.
task<result<std::vector<directory_entry>>> list_directory(std::string path, deadline until = {});

}  // namespace co

// For buffered_reader and buffered_writer.
inline auto async_read(file& from, std::span<std::byte> bytes, deadline until) {
    return co::read(from, bytes, until);
}
inline auto async_write(file& to, std::span<const std::byte> bytes, deadline until) {
    return co::write(to, bytes, until);
}

}  // namespace weft
