// SPDX-License-Identifier: Apache-2.0
//
// Calls on files in coroutines. They block aside from the worker, as those of fibers do, so there
// is nothing to suspend for; they are tasks so that this can change.
#include <weft/file.h>
#include <weft/task.h>

#include "io/file_calls.h"

namespace weft::co {

namespace {

template <class T, class Call>
task<result<T>> run(Call call, deadline until) {
    auto& self = co_await coro::this_promise<typename task<result<T>>::promise_type>();
    const io::file_caller by{self.bounds(), until};
    co_return call(by);
}

}  // namespace

task<result<file>> open_file(std::string path, file_options options, deadline until) {
    return run<file>([path = std::move(path), options](
                         const io::file_caller& by) { return io::open_file(by, path, options); },
                     until);
}

task<result<std::size_t>> read(file& from, std::span<std::byte> bytes, deadline until) {
    return run<std::size_t>(
        [&from, bytes](const io::file_caller& by) { return io::read_file_on(by, from, bytes); },
        until);
}

task<result<std::size_t>> pread(file& from, std::span<std::byte> bytes, std::uint64_t offset,
                                deadline until) {
    return run<std::size_t>(
        [&from, bytes, offset](const io::file_caller& by) {
            return io::read_file_at(by, from, bytes, offset);
        },
        until);
}

task<result<void>> write(file& to, std::span<const std::byte> bytes, deadline until) {
    return run<void>(
        [&to, bytes](const io::file_caller& by) { return io::write_file_on(by, to, bytes); },
        until);
}

task<result<void>> pwrite(file& to, std::span<const std::byte> bytes, std::uint64_t offset,
                          deadline until) {
    return run<void>(
        [&to, bytes, offset](const io::file_caller& by) {
            return io::write_file_at(by, to, bytes, offset);
        },
        until);
}

task<result<void>> sync(file& written, deadline until) {
    return run<void>([&written](const io::file_caller& by) { return io::sync_file(by, written); },
                     until);
}

task<result<void>> truncate(file& changed, std::uint64_t size, deadline until) {
    return run<void>(
        [&changed, size](const io::file_caller& by) {
            return io::truncate_file(by, changed, size);
        },
        until);
}

task<result<file_status>> status(const file& of, deadline until) {
    return run<file_status>([&of](const io::file_caller& by) { return io::status_of_file(by, of); },
                            until);
}

task<result<std::string>> read_file(std::string path, deadline until, std::size_t most) {
    return run<std::string>(
        [path = std::move(path), most](const io::file_caller& by) {
            return io::read_whole_file(by, path, most);
        },
        until);
}

task<result<void>> write_file(std::string path, std::string_view bytes, deadline until) {
    return run<void>(
        [path = std::move(path), bytes](const io::file_caller& by) {
            return io::write_whole_file(by, path, bytes);
        },
        until);
}

task<result<std::vector<directory_entry>>> list_directory(std::string path, deadline until) {
    return run<std::vector<directory_entry>>(
        [path = std::move(path)](const io::file_caller& by) { return io::list_entries(by, path); },
        until);
}

}  // namespace weft::co
