// SPDX-License-Identifier: Apache-2.0
#include "io/descriptor_slab.h"

#include <memory>
#include <new>

namespace weft::io {

namespace {

constexpr std::uint64_t link_mask = 0xffffffff;
constexpr std::uint64_t counter_unit = link_mask + 1;

}  // namespace

descriptor_slab& descriptor_slab::instance() noexcept {
    static constinit descriptor_slab slab;
    return slab;
}

poll_descriptor* descriptor_slab::take() noexcept {
    std::uint64_t head = free_.load(base::acquire);
    for (;;) {
        const auto link = static_cast<std::uint32_t>(head & link_mask);
        if (link == 0) {
            if (!grow()) {
                return nullptr;
            }
            head = free_.load(base::acquire);
            continue;
        }
        poll_descriptor& first = *find(link - 1);
        const std::uint64_t next = first.next_free_.load(base::relaxed);
        if (free_.compare_exchange_weak(head, ((head & ~link_mask) + counter_unit) | next,
                                        base::acquire, base::acquire)) {
            return &first;
        }
    }
}

void descriptor_slab::put(poll_descriptor& descriptor) noexcept {
    push_chain(descriptor, descriptor);
}

void descriptor_slab::push_chain(poll_descriptor& first, poll_descriptor& last) noexcept {
    std::uint64_t head = free_.load(base::relaxed);
    do {
        last.next_free_.store(static_cast<std::uint32_t>(head & link_mask), base::relaxed);
    } while (!free_.compare_exchange_weak(head,
                                          ((head & ~link_mask) + counter_unit) | (first.index_ + 1),
                                          base::release, base::relaxed));
}

/// True if there are free records now, whoever made them. Nothing is allocated under the lock.
bool descriptor_slab::grow() noexcept {
    std::unique_ptr<poll_descriptor[]> fresh(new (std::nothrow) poll_descriptor[chunk_size]);
    const base::spin_guard guard(grow_lock_);
    if ((free_.load(base::acquire) & link_mask) != 0) {
        return true;
    }
    std::uint32_t chunk = 0;
    while (chunk < most_chunks && chunks_[chunk].load(base::relaxed) != nullptr) {
        ++chunk;
    }
    if (chunk == most_chunks || fresh == nullptr) {
        return false;
    }
    poll_descriptor* const records = fresh.release();
    for (std::uint32_t i = 0; i < chunk_size; ++i) {
        records[i].index_ = chunk * chunk_size + i;
        records[i].next_free_.store(records[i].index_ + 2, base::relaxed);
    }
    chunks_[chunk].store(records, base::release);
    push_chain(records[0], records[chunk_size - 1]);
    return true;
}

}  // namespace weft::io
