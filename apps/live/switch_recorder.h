// SPDX-License-Identifier: Apache-2.0
//
// Has the kernel record the context switches of all threads that the calling thread starts, and
// those that they start, on some CPUs. What is permitted differs:
//
//   the trace point sched:sched_switch   a readable tracefs, and CAP_PERFMON or a
//                                        kernel.perf_event_paranoid of -1
//   context switch records               any process, unless the system or its container forbids
//                                        perf_event_open(2)
//
// Takes the first that it gets; nothing is a reason to fail. drain() at least each 100 ms or so;
// one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "switch_decoder.h"
#include "switch_records.h"

namespace weft::live {

class switch_recorder {
public:
    explicit switch_recorder(const std::vector<std::uint32_t>& cpus);
    ~switch_recorder();
    switch_recorder(const switch_recorder&) = delete;
    switch_recorder& operator=(const switch_recorder&) = delete;

    /// Takes what has been recorded since.
    void drain();

    /// What lies between the two moments of the steady clock as a whole, with times since the
    /// first.
    [[nodiscard]] switch_records records(sim::nanoseconds from, sim::nanoseconds to) const;

private:
    class ring;

    /// All CPUs or none. Throws std::system_error.
    void open(const std::vector<std::uint32_t>& cpus, std::optional<std::uint64_t> trace_point,
              std::optional<trace_fields> fields);

    std::vector<std::unique_ptr<ring>> rings_;
    std::string source_;
    std::string refused_;
};

}  // namespace weft::live
