// SPDX-License-Identifier: Apache-2.0
#include "switch_recorder.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <expected>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace weft::live {

namespace {

/// Of a ring; with the page before it, less than what an unprivileged process may lock by default.
constexpr std::size_t data_size = std::size_t{256} * 1024;

std::size_t page_size() {
    return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::string message_of(int error) {
    return std::generic_category().message(error);
}

perf_event_attr attributes(std::optional<std::uint64_t> trace_point) {
    perf_event_attr wanted{};
    wanted.size = sizeof wanted;
    wanted.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU;
    if (trace_point) {
        wanted.type = PERF_TYPE_TRACEPOINT;
        wanted.config = *trace_point;
        wanted.sample_period = 1;
        wanted.sample_type |= PERF_SAMPLE_RAW;
    } else {
        wanted.type = PERF_TYPE_SOFTWARE;
        wanted.config = PERF_COUNT_SW_DUMMY;
        wanted.exclude_kernel = 1;  // or it would need a privilege
        wanted.exclude_hv = 1;
    }
    wanted.sample_id_all = 1;
    wanted.context_switch = 1;
    wanted.inherit = 1;
    wanted.use_clockid = 1;
    wanted.clockid = CLOCK_MONOTONIC;
    return wanted;
}

std::expected<std::string, int> text_of_file(const std::string& path) {
    std::ifstream file(path);
    if (!file) {
        return std::unexpected(errno);
    }
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

struct trace_point {
    std::uint64_t number;
    trace_fields fields;
};

/// The error says why not and what would permit it.
std::expected<trace_point, std::string> find_trace_point() {
    const std::string folder = "/sys/kernel/tracing/events/sched/sched_switch/";
    const auto number = text_of_file(folder + "id");
    const auto format = text_of_file(folder + "format");
    if (!number || !format) {
        const int error = number ? format.error() : number.error();
        return std::unexpected(
            error == ENOENT ? "tracefs is not mounted; as root: mount -t tracefs tracefs "
                              "/sys/kernel/tracing"
                            : fmt::format("{}id: {}; root may read it", folder, message_of(error)));
    }
    trace_point found{};
    const auto fields = parse_trace_format(*format);
    const auto parsed =
        std::from_chars(number->data(), number->data() + number->size(), found.number);
    if (!fields || parsed.ec != std::errc()) {
        return std::unexpected(fmt::format("{}format is not what was expected", folder));
    }
    found.fields = *fields;
    return found;
}

}  // namespace

/// The event of one CPU and the memory that the kernel writes its records to.
class switch_recorder::ring {
public:
    /// Throws std::system_error.
    ring(std::uint32_t cpu, std::optional<std::uint64_t> trace_point,
         std::optional<trace_fields> fields)
        : decoder(fields) {
        perf_event_attr wanted = attributes(trace_point);
        descriptor_ = static_cast<int>(::syscall(SYS_perf_event_open, &wanted, 0,
                                                 static_cast<int>(cpu), -1, PERF_FLAG_FD_CLOEXEC));
        if (descriptor_ < 0) {
            throw std::system_error(errno, std::generic_category(), "perf_event_open");
        }
        void* const memory = ::mmap(nullptr, page_size() + data_size, PROT_READ | PROT_WRITE,
                                    MAP_SHARED, descriptor_, 0);
        if (memory == MAP_FAILED) {
            const int error = errno;
            ::close(descriptor_);
            throw std::system_error(error, std::generic_category(), "memory of perf_event_open");
        }
        head_ = static_cast<perf_event_mmap_page*>(memory);
    }

    ~ring() {
        ::munmap(head_, page_size() + data_size);
        ::close(descriptor_);
    }
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;

    void drain() {
        const std::uint64_t end = __atomic_load_n(&head_->data_head, __ATOMIC_ACQUIRE);
        const std::uint64_t begin = head_->data_tail;
        if (end == begin) {
            return;
        }
        // A record may begin at the end of the ring and go on at its start.
        std::vector<std::byte> records(static_cast<std::size_t>(end - begin));
        const auto* const data = reinterpret_cast<const std::byte*>(head_) + page_size();
        const std::size_t first = begin % data_size;
        const std::size_t straight = std::min(records.size(), data_size - first);
        std::memcpy(records.data(), data + first, straight);
        std::memcpy(records.data() + straight, data, records.size() - straight);
        __atomic_store_n(&head_->data_tail, end, __ATOMIC_RELEASE);
        decoder.decode(records);
    }

    switch_decoder decoder;

private:
    int descriptor_ = -1;
    perf_event_mmap_page* head_ = nullptr;
};

switch_recorder::switch_recorder(const std::vector<std::uint32_t>& cpus) {
    const auto point = find_trace_point();
    std::string why = point ? "" : point.error();
    if (point) {
        try {
            open(cpus, point->number, point->fields);
            source_ = "trace point sched:sched_switch";
            return;
        } catch (const std::system_error& error) {
            why = fmt::format("{}; CAP_PERFMON or kernel.perf_event_paranoid=-1 would permit it",
                              error.what());
        }
    }
    refused_ = fmt::format("the trace point sched:sched_switch ({})", why);
    try {
        open(cpus, {}, {});
        source_ = "context switch records";
    } catch (const std::system_error& error) {
        refused_ += fmt::format(
            ", and context switch records ({}; the seccomp profile of a container may forbid them, "
            "or kernel.perf_event_paranoid above 2)",
            error.what());
    }
}

switch_recorder::~switch_recorder() = default;

void switch_recorder::open(const std::vector<std::uint32_t>& cpus,
                           std::optional<std::uint64_t> trace_point,
                           std::optional<trace_fields> fields) {
    std::vector<std::unique_ptr<ring>> rings;
    for (const std::uint32_t cpu : cpus) {
        rings.push_back(std::make_unique<ring>(cpu, trace_point, fields));
    }
    rings_ = std::move(rings);
}

void switch_recorder::drain() {
    for (const auto& one : rings_) {
        one->drain();
    }
}

switch_records switch_recorder::records(sim::nanoseconds from, sim::nanoseconds to) const {
    switch_records made{.source = source_, .refused = refused_};
    for (const auto& one : rings_) {
        made.lost += one->decoder.lost();
        for (kernel_turn each : one->decoder.turns()) {
            if (each.from >= from && each.to <= to) {
                each.from -= from;
                each.to -= from;
                made.turns.push_back(each);
            }
        }
    }
    return made;
}

}  // namespace weft::live
