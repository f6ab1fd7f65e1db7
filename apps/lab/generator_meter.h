// SPDX-License-Identifier: Apache-2.0
//
// generator_meter: what the calling process used between start() and stop(). One thread.
#pragma once

#include "load_report.h"

#include <cstdint>

namespace weft::lab {

class generator_meter {
public:
    void start() noexcept;
    [[nodiscard]] generator_use stop() const noexcept;

private:
    std::int64_t started_ns_ = 0;
    std::int64_t cpu_ns_ = 0;
    std::int64_t waiting_ns_ = 0;
};

}  // namespace weft::lab
