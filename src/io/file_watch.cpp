// SPDX-License-Identifier: Apache-2.0
#include <weft/file_watch.h>

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "base/error.h"
#include "base/fd.h"
#include "io/file_watch_calls.h"

namespace weft {

namespace {

constexpr std::uint32_t native(file_events events) noexcept {
    return static_cast<std::uint32_t>(events);
}

static_assert(
    native(file_events::accessed) == IN_ACCESS && native(file_events::modified) == IN_MODIFY &&
    native(file_events::attributes) == IN_ATTRIB &&
    native(file_events::written) == IN_CLOSE_WRITE &&
    native(file_events::closed_unwritten) == IN_CLOSE_NOWRITE &&
    native(file_events::opened) == IN_OPEN && native(file_events::moved_from) == IN_MOVED_FROM &&
    native(file_events::moved_to) == IN_MOVED_TO && native(file_events::created) == IN_CREATE &&
    native(file_events::removed) == IN_DELETE &&
    native(file_events::self_removed) == IN_DELETE_SELF &&
    native(file_events::self_moved) == IN_MOVE_SELF && native(file_events::all) == IN_ALL_EVENTS &&
    native(file_events::unmounted) == IN_UNMOUNT &&
    native(file_events::overflow) == IN_Q_OVERFLOW && native(file_events::ended) == IN_IGNORED &&
    native(file_events::folder) == IN_ISDIR);

/// Beside next(), in the other direction, which inotify has no use for.
template <class Call>
result<watch_id> change(io::poll_descriptor* d, const char* operation, std::string_view path,
                        Call call) noexcept {
    if (d == nullptr) {
        return base::fail(EBADF, operation, path);
    }
    const io::use change(*d, io::direction::write);
    if (change.error() != 0) {
        return base::fail(change.error(), operation, path);
    }
    const int outcome = call(d->fd());
    if (outcome < 0) {
        return base::fail_errno(operation, path);
    }
    return static_cast<watch_id>(outcome);
}

}  // namespace

namespace io {

std::int64_t file_event_wait::attempt() noexcept {
    file_watcher::buffer& kept = *buffer_;
    if (kept.taken < kept.filled) {
        return 0;
    }
    const ssize_t n = try_read(descriptor(), kept.bytes);
    if (n <= 0) {
        return n < 0 ? n : -EIO;
    }
    kept.taken = 0;
    kept.filled = static_cast<std::size_t>(n);
    return 0;
}

result<file_event> file_event_wait::finish(std::int64_t outcome) {
    if (outcome < 0) {
        return failed(outcome, operation);
    }
    file_watcher::buffer& kept = *buffer_;
    inotify_event event;
    const std::byte* const at = kept.bytes.data() + kept.taken;
    std::memcpy(&event, at, sizeof event);
    // Filled up with zeros.
    const char* const name = reinterpret_cast<const char*>(at + sizeof event);
    file_event found{.watch = static_cast<watch_id>(event.wd),
                     .events = static_cast<file_events>(event.mask),
                     .cookie = event.cookie,
                     .name = std::string(name, ::strnlen(name, event.len))};
    kept.taken += sizeof event + event.len;  // last: if memory is out the event is still there
    return found;
}

}  // namespace io

file_watcher::file_watcher() noexcept = default;
file_watcher::file_watcher(io::poll_descriptor* descriptor, std::unique_ptr<buffer> kept) noexcept
    : descriptor_owner(descriptor), buffer_(std::move(kept)) {}
file_watcher::file_watcher(file_watcher&&) noexcept = default;
file_watcher& file_watcher::operator=(file_watcher&&) noexcept = default;
file_watcher::~file_watcher() = default;

result<file_watcher> file_watcher::make() try {
    auto kept = std::make_unique<buffer>();
    base::unique_fd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!fd.valid()) {
        return base::fail_errno("watch");
    }
    io::poll_descriptor* const d = io::poll_descriptor::make(fd.get(), io::protocol::no_socket,
                                                             io::poll_descriptor::role::stream);
    if (d == nullptr) {
        return base::fail(std::errc::not_enough_memory, "watch");
    }
    (void)fd.release();
    return file_watcher(d, std::move(kept));
} catch (const std::bad_alloc&) {
    return base::fail(std::errc::not_enough_memory, "watch");
}

result<watch_id> file_watcher::add(const std::string& path, file_events events,
                                   const watch_options& options) {
    const std::uint32_t mask = native(events & file_events::all) |
                               (options.follow_links ? 0u : std::uint32_t{IN_DONT_FOLLOW}) |
                               (options.only_folders ? std::uint32_t{IN_ONLYDIR} : 0u) |
                               (options.once ? std::uint32_t{IN_ONESHOT} : 0u);
    if ((events & file_events::all) == file_events::none || path.find('\0') != std::string::npos) {
        return base::fail(EINVAL, "watch", path);
    }
    return change(descriptor(), "watch", path,
                  [&](int fd) { return ::inotify_add_watch(fd, path.c_str(), mask); });
}

result<void> file_watcher::remove(watch_id watch) {
    const auto removed = change(descriptor(), "remove a watch", {}, [&](int fd) {
        return ::inotify_rm_watch(fd, static_cast<int>(watch));
    });
    if (!removed) {
        return std::unexpected(removed.error());
    }
    return {};
}

result<file_event> file_watcher::next(deadline until) {
    return io::perform(io::file_event_wait(*this), until);
}

}  // namespace weft
