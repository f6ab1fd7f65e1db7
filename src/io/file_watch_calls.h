// SPDX-License-Identifier: Apache-2.0
//
// Waiting for an event of inotify, as a call for perform(): see call.h.
#pragma once

#include <sys/inotify.h>

#include <array>
#include <climits>
#include <cstddef>

#include <weft/file_watch.h>

#include "io/call.h"

namespace weft {

/// Events that one read(2) has returned, whole ones only. Used within next() only.
struct file_watcher::buffer {
    static constexpr std::size_t size = 4096;
    static_assert(size >= sizeof(inotify_event) + NAME_MAX + 1, "one fits in any case");

    alignas(inotify_event) std::array<std::byte, size> bytes;
    std::size_t filled = 0;
    std::size_t taken = 0;
};

namespace io {

class file_event_wait : public single_call {
public:
    static constexpr const char* operation = "wait for a file event";

    explicit file_event_wait(const file_watcher& from) noexcept
        : single_call(access::descriptor(from), direction::read), buffer_(access::buffer(from)) {}

    std::int64_t attempt() noexcept;
    [[nodiscard]] result<file_event> finish(std::int64_t outcome);

private:
    file_watcher::buffer* buffer_;
};

}  // namespace io

}  // namespace weft
