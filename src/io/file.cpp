// SPDX-License-Identifier: Apache-2.0
#include <weft/file.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

#include <weft/blocking.h>
#include <weft/errno.h>

#include "base/assert.h"
#include "base/error.h"
#include "io/file_calls.h"
#include "sched/cancellable_wait.h"
#include "sched/current.h"

namespace weft::io {

namespace {

constexpr std::size_t longest_part = std::size_t{1} << 20;
constexpr std::uint8_t no_fast_read = 1;
constexpr std::uint8_t no_fast_write = 2;

enum class way : std::uint8_t { read, write };

/// One system call: a count, or an errno value, negated.
template <way Way>
ssize_t move_bytes(int fd, void* bytes, std::size_t size, std::int64_t offset, int flags) noexcept {
    const iovec part{bytes, size};
    ssize_t n = 0;
    do {
        n = Way == way::read ? ::preadv2(fd, &part, 1, offset, flags)
                             : ::pwritev2(fd, &part, 1, offset, flags);
    } while (n < 0 && errno == EINTR);
    return n >= 0 ? n : -errno;
}

/// At most `longest_part` bytes, at once if that can be.
template <way Way>
ssize_t transfer(const file_caller& by, const file& f, void* bytes, std::size_t size,
                 std::int64_t offset) {
    const std::size_t part = std::min(size, longest_part);
    constexpr std::uint8_t refuses = Way == way::read ? no_fast_read : no_fast_write;
    std::uint8_t& blocks = file_access_key::blocks(f);
    const bool fast = (sched::on_fiber() || sched::on_coroutine()) &&
                      (__atomic_load_n(&blocks, __ATOMIC_RELAXED) & refuses) == 0;
    if (fast) {
        const ssize_t n = move_bytes<Way>(f.native_handle(), bytes, part, offset, RWF_NOWAIT);
        if (n >= 0 || (n != -EAGAIN && n != -EOPNOTSUPP)) {
            return n;
        }
        if (n == -EOPNOTSUPP) {
            __atomic_fetch_or(&blocks, refuses, __ATOMIC_RELAXED);
        }
    }
    if (const int error = by.check()) {
        return -error;
    }
    return blocking([&] { return move_bytes<Way>(f.native_handle(), bytes, part, offset, 0); });
}

result<std::size_t> read_some(const file_caller& by, const file& from, std::span<std::byte> bytes,
                              std::int64_t offset, const char* operation) {
    const ssize_t n = transfer<way::read>(by, from, bytes.data(), bytes.size(), offset);
    if (n < 0) {
        return base::fail(static_cast<int>(-n), operation);
    }
    return static_cast<std::size_t>(n);
}

result<void> write_all(const file_caller& by, const file& to, std::span<const std::byte> bytes,
                       std::int64_t offset, const char* operation) {
    while (!bytes.empty()) {
        const ssize_t n = transfer<way::write>(by, to, const_cast<std::byte*>(bytes.data()),
                                               bytes.size(), offset);
        if (n < 0) {
            return base::fail(static_cast<int>(-n), operation);
        }
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        offset += offset != at_position ? n : 0;
    }
    return {};
}

/// A call that returns 0, or sets errno.
template <class Call>
result<void> block(const file_caller& by, const char* operation, std::string_view subject,
                   Call call) {
    int error = by.check();
    if (error == 0) {
        error = blocking([&] { return call() == 0 ? 0 : errno; });
    }
    if (error != 0) {
        return base::fail(error, operation, subject);
    }
    return {};
}

/// 0, or why weft does not take it.
int check_kind(int fd) noexcept {
    struct stat found = {};
    if (::fstat(fd, &found) != 0) {
        return errno;
    }
    return S_ISFIFO(found.st_mode) || S_ISSOCK(found.st_mode) ? EOPNOTSUPP : 0;
}

int flags_of(const file_options& options) noexcept {
    const int access = options.access == file_access::read    ? O_RDONLY
                       : options.access == file_access::write ? O_WRONLY
                                                              : O_RDWR;
    return access | (options.create ? O_CREAT : 0) | (options.exclusive ? O_EXCL : 0) |
           (options.truncate ? O_TRUNC : 0) | (options.append ? O_APPEND : 0);
}

/// -1 and errno, or the descriptor. O_NONBLOCK: a pipe would wait for its other end.
int open_checked(const char* path, int flags, mode_t permissions) noexcept {
    const int fd = ::open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, permissions);
    if (fd < 0) {
        return -1;
    }
    int error = check_kind(fd);
    const int now = ::fcntl(fd, F_GETFL);
    if (error == 0 && (now < 0 || ::fcntl(fd, F_SETFL, now & ~O_NONBLOCK) != 0)) {
        error = errno;
    }
    if (error != 0) {
        ::close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/// Offsets are signed in the kernel.
bool is_offset(std::uint64_t offset) noexcept {
    return offset <= std::uint64_t{INT64_MAX};
}

}  // namespace

int file_caller::check() const noexcept {
    if (bounds != nullptr && bounds->fuse != nullptr) {
        bounds->fuse->burn();
    }
    return sched::ended_by(bounds, until);
}

result<file> open_file(const file_caller& by, const std::string& path,
                       const file_options& options) {
    int fd = -1;
    const auto opened = block(by, "open", path, [&] {
        fd = open_checked(path.c_str(), flags_of(options), options.permissions);
        return fd >= 0 ? 0 : -1;
    });
    if (!opened) {
        return std::unexpected(opened.error());
    }
    return file_access_key::make(fd);
}

result<std::size_t> read_file_at(const file_caller& by, const file& from,
                                 std::span<std::byte> bytes, std::uint64_t offset) {
    if (!is_offset(offset)) {
        return base::fail(EINVAL, "pread");
    }
    return read_some(by, from, bytes, static_cast<std::int64_t>(offset), "pread");
}

result<std::size_t> read_file_on(const file_caller& by, const file& from,
                                 std::span<std::byte> bytes) {
    return read_some(by, from, bytes, at_position, "read");
}

result<void> write_file_at(const file_caller& by, const file& to, std::span<const std::byte> bytes,
                           std::uint64_t offset) {
    if (!is_offset(offset)) {
        return base::fail(EINVAL, "pwrite");
    }
    return write_all(by, to, bytes, static_cast<std::int64_t>(offset), "pwrite");
}

result<void> write_file_on(const file_caller& by, const file& to,
                           std::span<const std::byte> bytes) {
    return write_all(by, to, bytes, at_position, "write");
}

result<void> sync_file(const file_caller& by, const file& written) {
    return block(by, "sync", {}, [&] { return ::fsync(written.native_handle()); });
}

result<void> truncate_file(const file_caller& by, const file& changed, std::uint64_t size) {
    if (!is_offset(size)) {
        return base::fail(EINVAL, "truncate");
    }
    return block(by, "truncate", {},
                 [&] { return ::ftruncate(changed.native_handle(), static_cast<off_t>(size)); });
}

result<file_status> status_of_file(const file_caller& by, const file& of) {
    struct stat found = {};
    const auto asked = block(by, "status", {}, [&] { return ::fstat(of.native_handle(), &found); });
    if (!asked) {
        return std::unexpected(asked.error());
    }
    return file_status{.kind = S_ISREG(found.st_mode)   ? file_kind::regular
                               : S_ISDIR(found.st_mode) ? file_kind::directory
                               : S_ISLNK(found.st_mode) ? file_kind::link
                                                        : file_kind::other,
                       .size = static_cast<std::uint64_t>(found.st_size),
                       .permissions = found.st_mode & 07777,
                       .modified = std::chrono::sys_time<std::chrono::nanoseconds>(
                           std::chrono::seconds(found.st_mtim.tv_sec) +
                           std::chrono::nanoseconds(found.st_mtim.tv_nsec))};
}

}  // namespace weft::io

namespace weft {

namespace {

io::file_caller here(deadline until) {
    WEFT_ASSERT(!sched::on_coroutine(), "a coroutine must co_await weft::co's calls on a file");
    return {sched::current_bounds(), until};
}

}  // namespace

file& file::operator=(file&& other) noexcept {
    if (this != &other) {
        static_cast<void>(close());
        fd_ = std::exchange(other.fd_, -1);
        blocks_ = std::exchange(other.blocks_, 0);
    }
    return *this;
}

file::~file() {
    static_cast<void>(close());
}

result<file> file::open(const std::string& path, const file_options& options, deadline until) {
    return io::open_file(here(until), path, options);
}

result<file> file::from_native(int fd) {
    if (const int error = io::check_kind(fd)) {
        return base::fail(error, "from_native");
    }
    return file(fd);
}

result<std::size_t> file::read(std::span<std::byte> bytes, deadline until) {
    return io::read_file_on(here(until), *this, bytes);
}

result<std::size_t> file::pread(std::span<std::byte> bytes, std::uint64_t offset, deadline until) {
    return io::read_file_at(here(until), *this, bytes, offset);
}

result<void> file::write(std::span<const std::byte> bytes, deadline until) {
    return io::write_file_on(here(until), *this, bytes);
}

result<void> file::pwrite(std::span<const std::byte> bytes, std::uint64_t offset, deadline until) {
    return io::write_file_at(here(until), *this, bytes, offset);
}

result<void> file::sync(deadline until) {
    return io::sync_file(here(until), *this);
}

result<void> file::truncate(std::uint64_t size, deadline until) {
    return io::truncate_file(here(until), *this, size);
}

result<file_status> file::status(deadline until) const {
    return io::status_of_file(here(until), *this);
}

/// Not through blocking(): that is for destructors, too, and on local file systems it is short.
result<void> file::close() {
    if (fd_ >= 0 && ::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) {
        return base::fail_errno("close");
    }
    return {};
}

result<std::string> read_file(const std::string& path, deadline until, std::size_t most) {
    return io::read_whole_file(here(until), path, most);
}

result<void> write_file(const std::string& path, std::string_view bytes, deadline until) {
    return io::write_whole_file(here(until), path, bytes);
}

result<std::vector<directory_entry>> list_directory(const std::string& path, deadline until) {
    return io::list_entries(here(until), path);
}

}  // namespace weft
