// SPDX-License-Identifier: Apache-2.0
//
// Waiting for a signal, as a call for perform(): see call.h.
#pragma once

#include <weft/signal.h>

#include "io/call.h"
#include "io/signal_registry.h"

namespace weft::io {

class signal_wait : public single_call {
public:
    static constexpr const char* operation = "wait for a signal";

    explicit signal_wait(poll_descriptor* from) noexcept : single_call(from, direction::read) {}

    std::int64_t attempt() noexcept;
    [[nodiscard]] result<signal_info> finish(std::int64_t outcome) const noexcept;

private:
    signal_record record_{};
};

}  // namespace weft::io
