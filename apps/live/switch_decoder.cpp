// SPDX-License-Identifier: Apache-2.0
#include "switch_decoder.h"

#include <charconv>
#include <cstring>

#include <linux/perf_event.h>

namespace weft::live {

namespace {

/// As the sample type of switch_recorder.cpp has them, at the end of a record or of its head.
struct record_identity {
    std::uint32_t process;
    std::uint32_t thread;
    std::uint64_t time;
    std::uint32_t cpu;
    std::uint32_t reserved;
};
static_assert(sizeof(record_identity) == 24);

template <class Value>
std::optional<Value> read_at(std::span<const std::byte> from, std::size_t offset) {
    if (offset > from.size() || from.size() - offset < sizeof(Value)) {
        return std::nullopt;
    }
    Value value;
    std::memcpy(&value, from.data() + offset, sizeof value);
    return value;
}

/// The number after `key` in a line.
std::optional<std::size_t> number_after(std::string_view line, std::string_view key) {
    const std::size_t at = line.find(key);
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    const char* const begin = line.data() + at + key.size();
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(begin, line.data() + line.size(), value);
    return error == std::errc() ? std::optional(value) : std::nullopt;
}

std::optional<std::size_t> offset_of(std::string_view text, std::string_view field) {
    const std::size_t at = text.find(field);
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view line = text.substr(at, text.find('\n', at) - at);
    return number_after(line, "size:") == sizeof(std::int32_t) ? number_after(line, "offset:")
                                                               : std::nullopt;
}

}  // namespace

std::optional<trace_fields> parse_trace_format(std::string_view text) {
    const auto previous = offset_of(text, " prev_pid;");
    const auto next = offset_of(text, " next_pid;");
    if (!previous || !next) {
        return std::nullopt;
    }
    return trace_fields{.prev_pid = *previous, .next_pid = *next};
}

void switch_decoder::decode(std::span<const std::byte> records) {
    while (const auto head = read_at<perf_event_header>(records, 0)) {
        if (head->size < sizeof *head || head->size > records.size()) {
            return;
        }
        const auto record = records.first(head->size);
        if (head->type == PERF_RECORD_SWITCH) {
            decode_switch(record, (head->misc & PERF_RECORD_MISC_SWITCH_OUT) != 0,
                          (head->misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT) != 0);
        } else if (head->type == PERF_RECORD_SAMPLE) {
            decode_sample(record);
        } else if (head->type == PERF_RECORD_LOST) {
            // After its head: a number of the event, then how many.
            lost_ +=
                read_at<std::uint64_t>(record, sizeof *head + sizeof(std::uint64_t)).value_or(0);
            open_.clear();
        }
        records = records.subspan(head->size);
    }
}

void switch_decoder::decode_switch(std::span<const std::byte> record, bool is_out,
                                   bool is_preempted) {
    const auto identity = read_at<record_identity>(record, sizeof(perf_event_header));
    if (!identity) {
        return;
    }
    const auto thread = static_cast<pid_t>(identity->thread);
    if (!is_out) {
        open_[thread] = {.from = identity->time, .next = {}};
        return;
    }
    if (const auto open = open_.find(thread); open != open_.end()) {
        turns_.push_back({.thread = thread,
                          .cpu = identity->cpu,
                          .from = open->second.from,
                          .to = identity->time,
                          .preempted = is_preempted,
                          .next = open->second.next});
        open_.erase(open);
    }
}

void switch_decoder::decode_sample(std::span<const std::byte> record) {
    constexpr std::size_t raw = sizeof(perf_event_header) + sizeof(record_identity);
    const auto identity = read_at<record_identity>(record, sizeof(perf_event_header));
    const auto size = read_at<std::uint32_t>(record, raw);
    if (!fields_ || !identity || !size) {
        return;
    }
    const auto data = record.subspan(raw + sizeof *size);
    const auto previous = read_at<std::int32_t>(data, fields_->prev_pid);
    const auto next = read_at<std::int32_t>(data, fields_->next_pid);
    const auto thread = static_cast<pid_t>(identity->thread);
    const auto open = open_.find(thread);
    if (!previous || !next || open == open_.end()) {
        return;
    }
    local_numbers_[*previous] = thread;
    const auto local = local_numbers_.find(*next);
    open->second.next = local == local_numbers_.end() ? *next : local->second;
}

}  // namespace weft::live
