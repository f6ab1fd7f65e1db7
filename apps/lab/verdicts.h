// SPDX-License-Identifier: Apache-2.0
//
// What people say that processes, threads, user-space threads and coroutines cost, set beside
// what this run measured. Every figure after the arrow is computed from the results; a claim that
// the run did not measure has no verdict. The claims' own figures and numbers (C5, C24, ...) are
// listed in docs/clients.md.
//
// Pure function: any thread, any time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "results.h"

namespace weft::lab {

enum class mark {
    /// Measured as claimed, or within a factor of two where the claim says "about".
    holds,
    /// The claim's point stands but its figure does not, or the other way round.
    partly,
    /// The figure or the conclusion is not what is measured here.
    off,
    /// Measured, but the run does not decide it; the conclusion says why.
    undecided,
};

/// "holds", "partly", "off", "undecided".
std::string_view name_of(mark mark) noexcept;

struct verdict {
    /// "C24".
    std::string claim;
    /// "10,000 clients, a thread each".
    std::string subject;
    /// "80 GB, infeasible".
    std::string claimed;
    /// "8.0 MiB reserved, 12 KiB used per thread".
    std::string measured;
    /// "feasible, 680x less than claimed".
    std::string conclusion;
    lab::mark mark = lab::mark::undecided;
};

/// In the order of the claims' numbers.
std::vector<verdict> verdicts_of(const results& run);

/// "10,000 clients, a thread each: claimed 80 GB, infeasible -> 8.0 MiB reserved ...: feasible".
std::string sentence_of(const verdict& verdict);

}  // namespace weft::lab
