// SPDX-License-Identifier: Apache-2.0
#include "switch_decoder.h"

#include <gtest/gtest.h>

#include <cstring>

#include <linux/perf_event.h>

namespace weft::live {
namespace {

constexpr std::string_view format =
    "name: sched_switch\nID: 372\nformat:\n"
    "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
    "\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;\n"
    "\tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;\n"
    "\tfield:long prev_state;\toffset:32;\tsize:8;\tsigned:1;\n"
    "\tfield:pid_t next_pid;\toffset:56;\tsize:4;\tsigned:1;\n";
constexpr trace_fields fields{.prev_pid = 24, .next_pid = 56};

/// Records as the kernel writes them.
class record_writer {
public:
    record_writer& in(std::uint32_t thread, std::uint64_t at) {
        return add(PERF_RECORD_SWITCH, 0, thread, at);
    }
    record_writer& out(std::uint32_t thread, std::uint64_t at, bool preempted) {
        const int misc =
            PERF_RECORD_MISC_SWITCH_OUT | (preempted ? PERF_RECORD_MISC_SWITCH_OUT_PREEMPT : 0);
        return add(PERF_RECORD_SWITCH, static_cast<std::uint16_t>(misc), thread, at);
    }
    record_writer& sample(std::uint32_t thread, std::uint64_t at, int previous, int next) {
        std::vector<std::byte> raw(4 + 68);
        const std::uint32_t size = 68;
        std::memcpy(raw.data(), &size, sizeof size);
        std::memcpy(raw.data() + 4 + fields.prev_pid, &previous, sizeof previous);
        std::memcpy(raw.data() + 4 + fields.next_pid, &next, sizeof next);
        return add(PERF_RECORD_SAMPLE, 0, thread, at, raw);
    }
    record_writer& lost(std::uint64_t records) {
        const perf_event_header head{.type = PERF_RECORD_LOST, .misc = 0, .size = 24};
        put(head);
        put(std::uint64_t{5});
        put(records);
        return *this;
    }

    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

private:
    template <class Value>
    void put(const Value& value) {
        const auto* const begin = reinterpret_cast<const std::byte*>(&value);
        bytes_.insert(bytes_.end(), begin, begin + sizeof value);
    }

    record_writer& add(std::uint32_t type, std::uint16_t misc, std::uint32_t thread,
                       std::uint64_t at, std::span<const std::byte> rest = {}) {
        put(perf_event_header{
            .type = type, .misc = misc, .size = static_cast<std::uint16_t>(32 + rest.size())});
        put(std::uint32_t{1});  // process
        put(thread);
        put(at);
        put(std::uint64_t{2});  // CPU
        bytes_.insert(bytes_.end(), rest.begin(), rest.end());
        return *this;
    }

    std::vector<std::byte> bytes_;
};

TEST(switch_decoder, finds_the_fields_of_the_trace_point) {
    EXPECT_EQ(parse_trace_format(format), fields);
    EXPECT_EQ(parse_trace_format(""), std::nullopt);
    EXPECT_EQ(parse_trace_format("\tfield:pid_t prev_pid;\toffset:24;\tsize:4;\n"), std::nullopt);
    EXPECT_EQ(parse_trace_format("\tfield:pid_t prev_pid;\toffset:24;\tsize:8;\n"
                                 "\tfield:pid_t next_pid;\toffset:56;\tsize:4;\n"),
              std::nullopt);
}

TEST(switch_decoder, a_turn_goes_from_one_switch_to_the_next) {
    switch_decoder decoder({});
    decoder.decode(record_writer()
                       .out(8, 500, true)  // it was there before
                       .in(7, 1000)
                       .out(7, 5000, true)
                       .in(8, 5000)
                       .out(8, 6000, false)
                       .bytes());
    decoder.decode(record_writer().in(7, 6000).bytes());
    decoder.decode(record_writer().out(7, 9000, true).bytes());
    const auto& turns = decoder.turns();
    ASSERT_EQ(turns.size(), 3U);
    EXPECT_EQ(turns[0].thread, 7);
    EXPECT_EQ(turns[0].cpu, 2U);
    EXPECT_EQ(turns[0].from, 1000U);
    EXPECT_EQ(turns[0].to, 5000U);
    EXPECT_TRUE(turns[0].preempted);
    EXPECT_FALSE(turns[0].next);
    EXPECT_EQ(turns[1].thread, 8);
    EXPECT_FALSE(turns[1].preempted);
    EXPECT_EQ(turns[2].from, 6000U);
    EXPECT_EQ(turns[2].to, 9000U);
}

TEST(switch_decoder, the_trace_point_says_who_comes_next) {
    // Threads 7 and 8 are 1007 and 1008 in the initial namespace.
    switch_decoder decoder(fields);
    decoder.decode(record_writer()
                       .in(8, 0)
                       .sample(8, 900, 1008, 1007)
                       .out(8, 1000, true)
                       .in(7, 1000)
                       .sample(7, 1900, 1007, 1008)
                       .out(7, 2000, true)
                       .in(8, 2000)
                       .sample(8, 2900, 1008, 0)
                       .out(8, 3000, false)
                       .bytes());
    const auto& turns = decoder.turns();
    ASSERT_EQ(turns.size(), 3U);
    EXPECT_EQ(turns[0].next, 1007) << "nobody has said yet who that is";
    EXPECT_EQ(turns[1].next, 8);
    EXPECT_EQ(turns[2].next, 0);
}

TEST(switch_decoder, what_was_lost_is_counted_and_makes_no_long_turns) {
    switch_decoder decoder({});
    decoder.decode(record_writer().in(7, 0).lost(12).out(7, 9000, true).lost(3).bytes());
    EXPECT_EQ(decoder.lost(), 15U);
    EXPECT_TRUE(decoder.turns().empty());
}

TEST(switch_decoder, bytes_that_are_no_records_are_left_alone) {
    record_writer whole;
    whole.in(7, 0).sample(7, 10, 7, 8).out(7, 20, true);
    for (std::size_t length = 0; length < whole.bytes().size(); ++length) {
        switch_decoder decoder(fields);
        decoder.decode(whole.bytes().first(length));
        EXPECT_TRUE(decoder.turns().empty());
    }
    switch_decoder decoder({});
    const std::vector<std::byte> zeros(64);
    decoder.decode(zeros);
    EXPECT_TRUE(decoder.turns().empty());
}

}  // namespace
}  // namespace weft::live
