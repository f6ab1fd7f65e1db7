// SPDX-License-Identifier: Apache-2.0
//
// Turns of kernel threads from the records of perf_event_open(2) of one CPU: PERF_RECORD_SWITCH
// when a thread comes and goes, and before it goes, if the trace point is there, PERF_RECORD_SAMPLE
// with the fields of sched:sched_switch. Pure.
//
// A thread whose end is near is recorded no more, so its last turn is missing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "switch_records.h"

namespace weft::live {

/// Where the trace point has its fields.
struct trace_fields {
    std::size_t prev_pid = 0;
    std::size_t next_pid = 0;

    bool operator==(const trace_fields&) const = default;
};

/// From the text of tracefs's `format`; nothing if a field is missing or of another size.
std::optional<trace_fields> parse_trace_format(std::string_view text);

class switch_decoder {
public:
    explicit switch_decoder(std::optional<trace_fields> fields) : fields_(fields) {}

    /// Whole records, in the order in which the kernel wrote them; any number of calls.
    void decode(std::span<const std::byte> records);

    [[nodiscard]] const std::vector<kernel_turn>& turns() const noexcept { return turns_; }
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

private:
    void decode_switch(std::span<const std::byte> record, bool is_out, bool is_preempted);
    void decode_sample(std::span<const std::byte> record);

    struct open_turn {
        sim::nanoseconds from;
        std::optional<pid_t> next;
    };

    std::optional<trace_fields> fields_;
    std::map<pid_t, open_turn> open_;
    /// The trace point counts threads in the initial namespace, the records in the program's own.
    std::map<pid_t, pid_t> local_numbers_;
    std::vector<kernel_turn> turns_;
    std::uint64_t lost_ = 0;
};

}  // namespace weft::live
