// SPDX-License-Identifier: Apache-2.0
//
// Of the claims, those about what is shared and what is not: C11, C12, C17, C18. Pure functions.
#pragma once

#include <optional>
#include <string>

#include "lab/verdicts.h"
#include "measurement.h"

namespace weft::measure {

/// What a line says, once it is measured.
struct finding {
    std::string measured;
    std::string conclusion;
    lab::mark mark = lab::mark::undecided;
    bool doubtful = false;
};
using maybe_finding = std::optional<finding>;

maybe_finding own_address_space(const measurement& all);
maybe_finding shared_by_threads(const measurement& all);
maybe_finding shared_memory(const measurement& all);
maybe_finding isolation(const measurement& all);

}  // namespace weft::measure
