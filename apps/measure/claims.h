// SPDX-License-Identifier: Apache-2.0
//
// What people say that processes, threads, user-space threads and coroutines cost (C1 to C30), set
// beside what was measured here. Every figure in a line is computed from the measurement; a claim
// that it does not decide has no mark, and says why. Pure functions: any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lab/verdicts.h"
#include "measurement.h"

namespace weft::measure {

struct claim_line {
    std::string id;                 ///< "C2"
    std::string subject;            ///< "fork() of a 50 MB process"
    std::string claimed;            ///< "~2 ms"
    std::string measured;           ///< "0.9 ms +-4 %"; empty: it was not
    std::string conclusion;         ///< "2.2x less than claimed", or why there is no measurement
    std::optional<lab::mark> mark;  ///< none: not measured
    bool doubtful = false;          ///< the machine was disturbed while it was measured
};

/// All thirty, in their order.
std::vector<claim_line> claims_of(const measurement& all);

}  // namespace weft::measure
