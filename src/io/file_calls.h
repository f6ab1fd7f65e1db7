// SPDX-License-Identifier: Apache-2.0
//
// The calls on files, written once for fibers, plain threads and coroutines: they block, aside from
// the worker, and are told what bounds the caller. The public forms are in file.cpp and
// coro/async_file.cpp.
//
// Another way to read and write (io_uring) would take the place of transfer() for fibers, and need
// awaiters in coro/async_file.cpp, which are tasks already.
#pragma once

#include <weft/detail/cancel_scope.h>
#include <weft/file.h>

namespace weft::io {

/// Who calls, and until when.
struct file_caller {
    const sched::cancel_bounds* bounds;  ///< may be null
    deadline until;

    /// Before something that may block: 0, or ETIMEDOUT or ECANCELED.
    [[nodiscard]] int check() const noexcept;
};

/// To what is private in file.
struct file_access_key {
    static file make(int fd) noexcept { return file(fd); }
    static std::uint8_t& blocks(const file& of) noexcept { return of.blocks_; }
};

/// The position of the file, instead of an offset.
inline constexpr std::int64_t at_position = -1;

result<file> open_file(const file_caller& by, const std::string& path, const file_options& options);
result<std::size_t> read_file_at(const file_caller& by, const file& from,
                                 std::span<std::byte> bytes, std::uint64_t offset);
result<std::size_t> read_file_on(const file_caller& by, const file& from,
                                 std::span<std::byte> bytes);
result<void> write_file_at(const file_caller& by, const file& to, std::span<const std::byte> bytes,
                           std::uint64_t offset);
result<void> write_file_on(const file_caller& by, const file& to, std::span<const std::byte> bytes);
result<void> sync_file(const file_caller& by, const file& written);
result<void> truncate_file(const file_caller& by, const file& changed, std::uint64_t size);
result<file_status> status_of_file(const file_caller& by, const file& of);
result<std::string> read_whole_file(const file_caller& by, const std::string& path,
                                    std::size_t most);
result<void> write_whole_file(const file_caller& by, const std::string& path,
                              std::string_view bytes);
result<std::vector<directory_entry>> list_entries(const file_caller& by, const std::string& path);

}  // namespace weft::io
