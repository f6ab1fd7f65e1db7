// SPDX-License-Identifier: Apache-2.0
//
// file_watcher: waits until something happens to files and folders; on inotify(7).
//
//     auto watcher = *weft::file_watcher::make();
//     const auto folder = *watcher.add("/etc/app", weft::file_events::written |
//                                                  weft::file_events::moved_to);
//     while (const auto event = watcher.next()) {
//         if (event->has(weft::file_events::overflow)) { read_all_again(); }
//         else if (event->name == "app.conf") { reload(); }
//     }
//
// What inotify does not do, and so neither does this: what happens in folders within the folder;
// files of network file systems that others change; /proc, /sys. To learn that a file has been
// replaced watch its folder: editors write a new file and move it over the old one, and a watch of
// the old one goes with it. Events may be merged, if equal and in a row; what they tell is that it
// is time to look.
//
// Limits of the kernel: instances and watches per user (/proc/sys/fs/inotify/max_user_instances,
// max_user_watches) and events in the queue of an instance (max_queued_events, 16384). What does
// not fit into the queue is lost, which comes as an event of its own: file_events::overflow. Look
// at everything again then.
//
// Thread safety: one next(), and beside it one add() or remove(), at a time; close() beside both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <weft/detail/descriptor_owner.h>
#include <weft/error.h>
#include <weft/task.h>
#include <weft/time.h>

namespace weft {

/// A set of kinds of events.
enum class file_events : std::uint32_t {
    none = 0,
    accessed = 0x1,           ///< read from, or executed
    modified = 0x2,           ///< written to, or cut off
    attributes = 0x4,         ///< permissions, owner, times, links
    written = 0x8,            ///< closed by one who could write to it
    closed_unwritten = 0x10,  ///< closed by one who could only read it
    opened = 0x20,
    moved_from = 0x40,     ///< out of the watched folder, or away under another name
    moved_to = 0x80,       ///< into the watched folder, or to this name
    created = 0x100,       ///< in the watched folder
    removed = 0x200,       ///< out of the watched folder
    self_removed = 0x400,  ///< what is watched
    self_moved = 0x800,    ///< what is watched; the watch goes on
    all = 0xfff,

    // These come unasked for.
    unmounted = 0x2000,   ///< the file system; `ended` follows
    overflow = 0x4000,    ///< events were lost; of no watch
    ended = 0x8000,       ///< the watch was removed, or what it watched is gone
    folder = 0x40000000,  ///< what this is about is a folder
};

/// Kinds that are in one of the two.
constexpr file_events operator|(file_events a, file_events b) noexcept {
    return static_cast<file_events>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
/// Kinds that are in both.
constexpr file_events operator&(file_events a, file_events b) noexcept {
    return static_cast<file_events>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}

/// Names what add() has begun to watch; unique within the watcher, until some two thousand million
/// have been made.
enum class watch_id : std::int32_t { none = -1 };

/// Something that has happened to what is watched.
struct file_event {
    watch_id watch = watch_id::none;  ///< none: overflow
    file_events events = file_events::none;
    /// The same of the two events of one move, moved_from and moved_to; 0 of others. The second one
    /// need not come: the other folder may not be watched.
    std::uint32_t cookie = 0;
    /// Of the file within the watched folder; empty if this is about what is watched itself.
    std::string name;

    /// One of `kinds`.
    [[nodiscard]] bool has(file_events kinds) const noexcept {
        return (events & kinds) != file_events::none;
    }
};

/// How file_watcher::add() watches.
struct watch_options {
    bool follow_links = true;   ///< of the last part of the path
    bool only_folders = false;  ///< std::errc::not_a_directory for other things
    bool once = false;          ///< the watch ends with its first event
};

/// Watches files and folders; an inotify(7) instance. Thread safety: see the head of the file.
class file_watcher : public io::descriptor_owner {
public:
    /// Closed.
    file_watcher() noexcept;

    /// std::errc::too_many_files_open: also where the user has too many instances.
    static result<file_watcher> make();

    file_watcher(file_watcher&&) noexcept;
    file_watcher& operator=(file_watcher&&) noexcept;
    /// Ends all watches. Nobody may be in a call.
    ~file_watcher();

    /// Begins to watch a file or folder. What is watched already, under whatever name, has one
    /// watch: it is returned again, for `events` from now on. std::errc::no_space_on_device: the
    /// user has too many watches.
    result<watch_id> add(const std::string& path, file_events events,
                         const watch_options& options = {});

    /// Ends a watch. Events that came before are still to come, and `ended` as the last one.
    /// std::errc::invalid_argument if there is none of that name.
    result<void> remove(watch_id watch);

    /// The next event. Several are taken from the kernel at a time and kept for further calls: it
    /// does not wait as long as there are some. (As a case of a select: take all that come without
    /// waiting, `while (auto e = watcher.next(deadline(0s)))`.)
    result<file_event> next(deadline until = {});

    /// What the library keeps of it; src/io/file_watch_calls.h.
    struct buffer;

private:
    friend struct io::access;
    file_watcher(io::poll_descriptor* descriptor, std::unique_ptr<buffer> kept) noexcept;

    std::unique_ptr<buffer> buffer_;
};

namespace co {

/// As file_watcher::next.
task<result<file_event>> next(file_watcher& watcher, deadline until = {});

}  // namespace co

}  // namespace weft
