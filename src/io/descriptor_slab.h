// SPDX-License-Identifier: Apache-2.0
//
// Where poll_descriptors come from: chunks that are never freed, a lock-free list of free records
// (its head carries a counter against ABA; records stay valid memory, so reading the successor of a
// record that somebody else just took is harmless). Lock-free, because a forked child must be able
// to close its sockets whatever the parent's other threads did at the time of the fork.
//
// Thread-safe. One per process: see poll_descriptor.h for why it belongs to no runtime.
#pragma once

#include <array>

#include "io/poll_descriptor.h"

namespace weft::io {

class descriptor_slab {
public:
    static descriptor_slab& instance() noexcept;

    /// Null when memory is out.
    poll_descriptor* take() noexcept;
    void put(poll_descriptor& descriptor) noexcept;

    /// Of an index that an event carries. Null if there never was such a record.
    [[nodiscard]] poll_descriptor* find(std::uint32_t index) noexcept {
        const std::uint32_t chunk = index / chunk_size;
        poll_descriptor* const records =
            chunk < most_chunks ? chunks_[chunk].load(base::acquire) : nullptr;
        return records != nullptr ? records + index % chunk_size : nullptr;
    }

    template <class Function>
    void for_each(Function function) noexcept {
        for (auto& chunk : chunks_) {
            poll_descriptor* const records = chunk.load(base::acquire);
            for (std::uint32_t i = 0; records != nullptr && i < chunk_size; ++i) {
                function(records[i]);
            }
        }
    }

private:
    static constexpr std::uint32_t chunk_size = 1024;   // 64 KiB
    static constexpr std::uint32_t most_chunks = 4096;  // four million sockets

    constexpr descriptor_slab() noexcept = default;

    bool grow() noexcept;
    void push_chain(poll_descriptor& first, poll_descriptor& last) noexcept;

    base::atomic<std::uint64_t> free_{0};  // counter in the upper half, index + 1 in the lower
    base::spinlock grow_lock_;
    std::array<base::atomic<poll_descriptor*>, most_chunks> chunks_{};
};

}  // namespace weft::io
