// SPDX-License-Identifier: Apache-2.0
//
// What fork() leaves to pay later: the first write to each page, which copies it, in the child and
// in the parent; beside it a first touch of fresh memory, and memory that is shared and never
// copied.
#include <array>

#include "child.h"
#include "lab/proc_metrics.h"
#include "measure/sampling.h"
#include "memory_block.h"
#include "probes.h"
#include "shared_value.h"

namespace weft::measure {

namespace {

constexpr std::size_t block_size = 4 * mib;

/// Nanoseconds for a page.
double touch_and_time(memory_block& block, std::size_t page) {
    const std::int64_t began = now_ns();
    for (std::size_t at = 0; at < block.size(); at += page) {
        *const_cast<volatile std::byte*>(block.data() + at) = std::byte{2};
    }
    return static_cast<double>(now_ns() - began) /
           (static_cast<double>(block.size()) / static_cast<double>(page));
}

std::uint64_t private_bytes() {
    return lab::parse_kib_line(lab::read_file("/proc/self/smaps_rollup"), "Private_Dirty:")
        .value_or(0);
}

/// What a child has to say.
using shared_words = shared_value<std::array<double, 2>>;

/// In the child: time for a page, and how many bytes became its own for each byte written.
std::array<double, 2> write_in_child(memory_block& block, std::size_t page,
                                     const shared_words& words) {
    const pid_t child = fork_child();
    if (child == 0) {
        const auto before = private_bytes();
        (*words)[0] = touch_and_time(block, page);
        (*words)[1] =
            100 * static_cast<double>(private_bytes() - before) / static_cast<double>(block.size());
        ::_exit(0);
    }
    wait_for(child);
    return *words;
}

/// In the parent, while a child lives that has the pages, too.
double write_in_parent(memory_block& block) {
    byte_pipe until;
    const pid_t child = fork_child();
    if (child == 0) {
        until.close_write();
        static_cast<void>(until.take());
        ::_exit(0);
    }
    const double cost = touch_and_time(block, page_size());
    until.close_write();
    wait_for(child);
    return cost;
}

double first_touch() {
    memory_block fresh(block_size, page_kind::small);
    return touch_and_time(fresh, page_size());
}

}  // namespace

void probe_copy_on_write(probe_round& round) {
    const sampling_goal goal{.seconds = round.seconds() / 6, .most = 20};
    const shared_words words;
    {
        memory_block block(block_size, page_kind::small);
        block.touch();
        round.add("cow.none",
                  take_samples(goal, [&] { return touch_and_time(block, page_size()); }));
        auto [cost, grown] =
            take_samples_of<2>(goal, [&] { return write_in_child(block, page_size(), words); });
        round.add("cow.child", std::move(cost));
        round.add("cow.private", std::move(grown));
        round.add("cow.parent", take_samples(goal, [&] { return write_in_parent(block); }));
    }
    round.add("cow.first_touch", take_samples(goal, first_touch));
    {
        memory_block block(block_size, page_kind::small, sharing::shared);
        block.touch();
        auto [cost, grown] =
            take_samples_of<2>(goal, [&] { return write_in_child(block, page_size(), words); });
        round.add("shared.child", std::move(cost));
        round.add("shared.private", std::move(grown));
    }
    memory_block block(block_size, page_kind::huge);
    block.touch();
    if (block.huge_bytes() == block.size()) {
        auto [cost, grown] =
            take_samples_of<2>(goal, [&] { return write_in_child(block, huge_page, words); });
        round.add("cow.huge", std::move(cost));
    }
}

}  // namespace weft::measure
